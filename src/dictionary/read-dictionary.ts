import { readFile } from 'node:fs/promises';
import { LongshoreError } from '../errors.ts';
import type { Dictionary } from '../types.ts';
import { parseDictionary } from './parse-dictionary.ts';

/** The dictionary of the bundled sample: the challenge's three tables. */
export const SAMPLE_DICTIONARY: URL = new URL('../sample/datapackage.json', import.meta.url);

/**
 * Reads a Data Package descriptor from a file.
 * @param path undefined: the bundled sample's
 * @throws LongshoreError `dictionary-invalid` when the file can't be read, is no JSON, or is no valid dictionary.
 */
export async function readDictionary(path: string | undefined): Promise<Dictionary> {
  const from = path ?? 'the bundled sample';
  let descriptor: unknown;
  try {
    const text = await readFile(path ?? SAMPLE_DICTIONARY, 'utf8');
    descriptor = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new LongshoreError('dictionary-invalid', `${from}: ${(cause as Error).message}`, { cause });
  }
  try {
    return parseDictionary(descriptor);
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    // Told with the file: whoever reads it has several.
    const places = error.places.map(({ pointer = '', ...place }) => ({
      ...place,
      pointer: `${from}${pointer}`,
    }));
    throw new LongshoreError(error.code, `${from}: ${error.message}`, { cause: error, places });
  }
}
