import { readFileSync } from 'node:fs';
import { LongshoreError } from './errors.ts';

/** Secrets that a process takes from a variable, or from the file that the variable with `_FILE` behind it names. */
export const TEXT_SECRETS = ['DATABASE_URL', 'TEMPORAL_API_KEY', 'LONGSHORE_ADMIN_KEY'] as const;

/**
 * What a file of a secret holds.
 * @param name the variable that names the file
 * @throws LongshoreError `config-invalid`, without a word of the content
 */
export function readSecretFile(name: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new LongshoreError('config-invalid', `${name}: ${file} can not be read (${code})`, { cause });
  }
}

/**
 * A secret's text. The variable goes before the file, whose blanks and line ends around the text are no part of it.
 * @throws LongshoreError `config-invalid`
 */
export function secretText(
  env: NodeJS.ProcessEnv,
  name: (typeof TEXT_SECRETS)[number],
): { readonly name: string; readonly text: string } | undefined {
  const [text, file] = [env[name], env[`${name}_FILE`]];
  if (text) return { name, text };
  if (!file) return undefined;
  const read = readSecretFile(`${name}_FILE`, file).toString('utf8').trim();
  if (read !== '') return { name: `${name}_FILE`, text: read };
  throw new LongshoreError('config-invalid', `${name}_FILE: ${file} is empty`);
}
