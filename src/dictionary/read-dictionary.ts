import { readFile } from 'node:fs/promises';
import { type ErrorPlace, LongshoreError } from '../errors.ts';
import { describeJsonFault } from '../json-fault.ts';
import type { Dictionary } from '../types.ts';
import { asPackage, type Descriptor } from './dictionary-versions.ts';
import { dictionaryInvalid, type Finding } from './faults.ts';
import { jsonPositions, type TextPosition } from './json-positions.ts';
import { type CheckedDescriptor, checkDescriptor } from './parse-dictionary.ts';

/** The dictionary of the bundled sample: the challenge's three tables. */
export const SAMPLE_DICTIONARY: URL = new URL('../sample/datapackage.json', import.meta.url);

/** A finding with its place in the text, where that is known. */
export interface PlacedFinding extends Finding, Partial<TextPosition> {}

export interface CheckedText extends CheckedDescriptor {
  readonly faults: readonly PlacedFinding[];
  readonly warnings: readonly PlacedFinding[];
}

/**
 * Reads a descriptor's text (JSON, with or without a byte-order mark), and says for each fault and each warning where
 * in the text it is. Never throws for what is in the text.
 */
export function checkDescriptorText(text: string): CheckedText {
  const json = withoutMark(text);
  let descriptor: unknown;
  try {
    descriptor = JSON.parse(json);
  } catch {
    const { what, line, column } = describeJsonFault(json);
    // What `frictionless describe` writes without a choice of form: YAML after a comment, or tables for people.
    const hint = /^\s*(?:[{["]|$)/.test(json)
      ? ''
      : '; expected JSON, which frictionless writes by "describe --json"';
    return { dictionary: null, faults: [{ pointer: '#', detail: what + hint, line, column }], warnings: [] };
  }
  const { dictionary, faults, warnings } = checkDescriptor(descriptor);
  const positions = jsonPositions(json);
  const placed = (finding: Finding): PlacedFinding => ({ ...finding, ...positions.of(finding.pointer) });
  const twice = positions.twice.map((pointer) => ({
    pointer,
    detail: 'the object has this member before; only the last one counts',
  }));
  return { dictionary, faults: faults.map(placed), warnings: [...twice, ...warnings].map(placed) };
}

/**
 * Reads a Data Package descriptor from a file.
 * @param path undefined: the bundled sample's
 * @throws LongshoreError `dictionary-invalid` when the file can't be read, is no JSON, or is no valid dictionary.
 */
export async function readDictionary(path: string | undefined): Promise<Dictionary> {
  return (await readDescriptor(path)).dictionary;
}

/** The same, with the descriptor as it was written, and what is ignored although it may have been meant, each a line. */
export async function readDescriptor(path: string | undefined): Promise<{
  readonly dictionary: Dictionary;
  readonly descriptor: Descriptor;
  readonly warnings: readonly string[];
}> {
  const from = path ?? 'the bundled sample';
  let text: string;
  try {
    text = await readFile(path ?? SAMPLE_DICTIONARY, 'utf8');
  } catch (cause) {
    throw new LongshoreError('dictionary-invalid', `${from}: ${(cause as Error).message}`, { cause });
  }
  const { dictionary, faults, warnings } = checkDescriptorText(text);
  // Told with the file: whoever reads it has several.
  if (dictionary === null) {
    const error = dictionaryInvalid(faults.map(inText));
    const places = error.places.map(({ pointer, detail }) => ({ detail, pointer: `${from}${pointer}` }));
    throw new LongshoreError(error.code, `${from}: ${error.message}`, { places });
  }
  return {
    dictionary,
    descriptor: asPackage(JSON.parse(withoutMark(text))),
    warnings: warnings.map((one) => `${from}${one.pointer}: ${inText(one).detail}`),
  };
}

function withoutMark(text: string): string {
  return text.replace(/^\uFEFF/, '');
}

function inText({ pointer, detail, line, column }: PlacedFinding): ErrorPlace {
  return { pointer, detail: line === undefined ? detail : `${detail} (line ${line}, column ${column})` };
}
