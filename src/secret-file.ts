import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { LongshoreError } from './errors.ts';

/** Secrets that are a text. */
export const TEXT_SECRETS = [
  'DATABASE_URL',
  'DATABASE_PASSWORD',
  'TEMPORAL_API_KEY',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'LONGSHORE_ADMIN_KEY',
  'LONGSHORE_EVENTS_SECRET',
] as const;

/** Secrets that are keys of 32 bytes: their files may hold a text or the bytes themselves. */
export const KEY_SECRETS = [
  'LONGSHORE_BACKUP_KEY',
  'LONGSHORE_BACKUP_KEYS_OLD',
  'LONGSHORE_PAYLOAD_KEY',
] as const;

/** The secret of the command-line client. */
export const CLIENT_SECRET = 'LONGSHORE_KEY';

type TextSecret = (typeof TEXT_SECRETS)[number] | typeof CLIENT_SECRET;
export type KeySecret = (typeof KEY_SECRETS)[number];

/** A secret's text, or the file that holds it; `name`: the variable that says so, for errors. */
export type SecretSource = { readonly name: string } & (
  | { readonly text: string }
  | { readonly file: string }
);

/** The variable that names the file of a secret. */
export function fileVariable(name: string): string {
  return `${name}_FILE`;
}

/**
 * Where a secret is: in its variable, or in the file that the variable with `_FILE` behind it names. Which of the two
 * counts would be a guess where both are set, and the other one a secret that nobody changes any more.
 * @throws LongshoreError `config-invalid`
 */
export function secretOf(env: NodeJS.ProcessEnv, name: TextSecret | KeySecret): SecretSource | undefined {
  const [text, file] = [env[name], env[fileVariable(name)]];
  if (text && file) {
    throw new LongshoreError('config-invalid', `${name} and ${fileVariable(name)}: set one of the two`);
  }
  if (text) return { name, text };
  return file ? { name: fileVariable(name), file: resolve(file) } : undefined;
}

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
 * A secret's text. The line end that editors and `echo` put behind the text of a file is no part of it, nor are blanks
 * around it, except of a password, which may begin or end with one.
 * @throws LongshoreError `config-invalid`
 */
export function secretText(
  env: NodeJS.ProcessEnv,
  name: TextSecret,
): { readonly name: string; readonly text: string } | undefined {
  const source = secretOf(env, name);
  if (source === undefined || 'text' in source) return source;
  const content = readSecretFile(source.name, source.file).toString('utf8');
  const text = name === 'DATABASE_PASSWORD' ? withoutLineEnd(content) : content.trim();
  if (text !== '') return { name: source.name, text };
  throw new LongshoreError('config-invalid', `${source.name}: ${source.file} is empty`);
}

function withoutLineEnd(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === '\n' || text[end - 1] === '\r')) end--;
  return text.slice(0, end);
}
