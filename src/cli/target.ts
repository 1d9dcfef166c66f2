import { readKeyFile } from '../keys/ensure-admin-key.ts';
import { readRun } from '../platform/run-file.ts';
import { adminKeyPath } from '../runtime/home.ts';
import { CLIENT_SECRET, secretText } from '../secret-file.ts';
import { withoutTrailing } from '../shorten.ts';
import type { CommandContext } from './context.ts';
import { CliError, EXIT } from './exit-codes.ts';

/** Where the platform is, and the key to it. */
export interface Target {
  /** Without a trailing slash. */
  readonly url: string;
  readonly key: string;
}

export interface TargetOptions {
  readonly url?: string;
  readonly key?: string;
}

/**
 * Address: the option, `LONGSHORE_URL`, what the running platform wrote into its home, `LONGSHORE_HOST` and
 * `LONGSHORE_PORT`. Key: the option, `LONGSHORE_KEY`, `LONGSHORE_ADMIN_KEY`, each or its file, the home's admin key.
 */
export async function findTarget(
  options: TargetOptions,
  { env, resolve }: Pick<CommandContext, 'env' | 'resolve'>,
): Promise<Target> {
  const home = resolve(env.LONGSHORE_HOME || '.longshore');
  return { url: findUrl(options, env, home), key: await findKey(options, env, home) };
}

function findUrl(options: TargetOptions, env: NodeJS.ProcessEnv, home: string): string {
  const given = options.url ?? env.LONGSHORE_URL;
  if (given === undefined || given === '') {
    return (
      readRun(home)?.apiUrl ?? `http://${env.LONGSHORE_HOST || '127.0.0.1'}:${env.LONGSHORE_PORT || 8080}`
    );
  }
  const url = URL.parse(given);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new CliError(EXIT.usage, `${JSON.stringify(given)} is not an http or https address`);
  }
  return withoutTrailing(url.href, '/');
}

async function findKey(options: TargetOptions, env: NodeJS.ProcessEnv, home: string): Promise<string> {
  const key = options.key ?? givenKey(env) ?? (await readAdminKey(home));
  // A key that a header can't carry would otherwise cause an obscure error of fetch.
  if (key !== null && key.trim() !== '' && !/\p{Cc}/u.test(key.trim())) return key.trim();
  throw new CliError(
    EXIT.noAccess,
    key === null
      ? `no key: set LONGSHORE_KEY, or run where the platform's home is (looked for ${adminKeyPath(home)})`
      : 'the key is empty or holds control characters',
  );
}

function givenKey(env: NodeJS.ProcessEnv): string | undefined {
  try {
    return (secretText(env, CLIENT_SECRET) ?? secretText(env, 'LONGSHORE_ADMIN_KEY'))?.text;
  } catch (cause) {
    throw new CliError(EXIT.noAccess, (cause as Error).message, { cause });
  }
}

async function readAdminKey(home: string): Promise<string | null> {
  try {
    return await readKeyFile(adminKeyPath(home));
  } catch (cause) {
    throw new CliError(EXIT.noAccess, `the key in ${adminKeyPath(home)} can not be read`, { cause });
  }
}
