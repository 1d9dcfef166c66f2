import { readFile } from 'node:fs/promises';
import { SAMPLE_DICTIONARY } from '../../src/dictionary/read-dictionary.ts';
import { challengeFiles } from '../support/challenge.ts';
import { packageOf } from './packages.ts';
import type { JudgeCase } from './verdict.ts';

/** The challenge's own files; what has to come of them is known. */
export async function challengeCase(): Promise<JudgeCase> {
  const rejected = { departments: 0, jobs: 0, hired_employees: 70 };
  return sampleCase("the challenge's real files", await challengeFiles(), rejected);
}

/** A case of the bundled dictionary. */
export async function sampleCase(
  name: string,
  files: Readonly<Record<string, Buffer>>,
  rejected?: JudgeCase['rejected'],
): Promise<JudgeCase> {
  const { resources } = JSON.parse(await readFile(SAMPLE_DICTIONARY, 'utf8'));
  const tables = resources.map((resource: { name: string; schema: { fields: object[] } }) => ({
    name: resource.name,
    fields: resource.schema.fields,
    schema: resource.schema,
    file: files[resource.name],
  }));
  return packageOf(name, tables, rejected);
}
