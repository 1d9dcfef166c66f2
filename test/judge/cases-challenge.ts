import { readFile } from 'node:fs/promises';
import { SAMPLE_DICTIONARY } from '../../src/dictionary/read-dictionary.ts';
import { packageOf } from './packages.ts';
import type { JudgeCase } from './verdict.ts';

const folder = new URL('../fixtures/challenge/', import.meta.url);

/** The challenge's own files, where they are at hand; what has to come of them is known. */
export async function challengeCase(): Promise<JudgeCase | null> {
  const files: Record<string, Buffer> = {};
  for (const name of ['departments', 'jobs', 'hired_employees']) {
    try {
      files[name] = await readFile(new URL(`${name}.csv`, folder));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }
  return sampleCase("the challenge's real files", files, { departments: 0, jobs: 0, hired_employees: 70 });
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
