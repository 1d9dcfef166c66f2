/**
 * PostgreSQL and Temporal for tests, started when a test first asks. Under `npm test`, all files of the run share
 * one of each, which `global-setup.ts` hands out at the address in `TEST_SERVERS`; a file that is run by hand
 * (`node --test FILE`) and a judge get servers of their own.
 */
import { ServerHost, type ServerName, type ServerValues } from './server-host.ts';
import { endWhenOver } from './still-open.ts';
import { testFile } from './test-file.ts';

let own: ServerHost | undefined;
const known = new Map<ServerName, Promise<ServerValues>>();

/** @returns the superuser's URL: tests make databases and roles; and the name of a migrated, empty database */
export async function postgresServer(): Promise<{ readonly url: string; readonly template: string }> {
  const { url = '', template = '' } = await server('postgres');
  return { url, template };
}

/** @returns host and port of Temporal's frontend */
export async function temporalServer(): Promise<string> {
  return (await server('temporal')).address ?? '';
}

/** Stops the servers that this process has of its own, if any. */
export async function stopOwnServers(): Promise<void> {
  await own?.[Symbol.asyncDispose]();
  own = undefined;
  known.clear();
}

function server(name: ServerName): Promise<ServerValues> {
  const asked = known.get(name) ?? ask(name);
  known.set(name, asked);
  return asked;
}

async function ask(name: ServerName): Promise<ServerValues> {
  if (/[\\/]test[\\/]unit[\\/]/.test(testFile())) {
    throw new Error(`a test in test/unit asked for ${name}; one that needs a server belongs in test/stack`);
  }
  const run = process.env.TEST_SERVERS;
  if (run === undefined) {
    own ??= new ServerHost();
    return own.ask(name);
  }
  const response = await fetch(`${run}/${name}`).catch((cause) => {
    throw new Error(`${name} is not there: the test run that TEST_SERVERS names does not answer`, { cause });
  });
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as ServerValues;
}

if (process.env.NODE_TEST_CONTEXT !== undefined && process.env.TEST_FILES === undefined) endWhenOver();
