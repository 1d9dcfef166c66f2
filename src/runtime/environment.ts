import { CLIENT_NAMES, CONFIG_NAMES } from '../config.ts';
import { fileVariable } from '../secret-file.ts';

/**
 * What processes that Longshore starts get of the environment. Each gets what it needs, by name, and nothing else: a
 * server that somebody else wrote has no use for keys, and what a shell happens to hold besides is nobody's business.
 */
type Environment = NodeJS.ProcessEnv;

/** Where programs, certificates, proxies and temporary folders are, and how text is written. */
const SYSTEM =
  /^(LC_|MALLOC_|(PATH|HOME|USER|LOGNAME|TMPDIR|TEMP|TMP|TZ|LANG|SYSTEMROOT|NODE_(ENV|OPTIONS|EXTRA_CA_CERTS|(DISABLE_)?COMPILE_CACHE)|SSL_CERT_(FILE|DIR)|(HTTPS?|ALL|NO)_PROXY|UV_THREADPOOL_SIZE)$)/i;
/** Of Node's tools, Python's pip and Go: where they fetch from, and through what. */
const FETCHING = /^(PIP_|PYTHON|GO|CGO_|CC$|NPM_CONFIG_)/i;
/** Beside its own variables, what the libraries of a process read for themselves. */
const LIBRARIES = /^(AWS_|PG|TEMPORAL_)/;
/** By which an editor's debugger attaches to the processes of a platform that it started. */
const DEBUGGER = 'VSCODE_INSPECTOR_OPTIONS';
/** Secrets that only the API needs. */
const API_SECRETS: readonly string[] = ['LONGSHORE_ADMIN_KEY', 'LONGSHORE_EVENTS_SECRET'].flatMap((name) => [
  name,
  fileVariable(name),
]);

/** For PostgreSQL's and Temporal's servers: no setting of anybody's, and no secret. */
export function serverEnvironment(): Environment {
  return { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
}

/** For programs that fetch or build other programs. */
export function fetchingEnvironment(): Environment {
  return chosen(process.env, (name) => SYSTEM.test(name) || FETCHING.test(name));
}

/** For tools that only work on files. */
export function toolEnvironment(): Environment {
  return chosen(process.env, (name) => SYSTEM.test(name));
}

/** For the API and the activity workers, of what the supervisor has. */
export function childEnvironment(env: Environment, role: 'api' | 'worker'): Environment {
  const own = new Set(CONFIG_NAMES.filter((name) => !CLIENT_NAMES.includes(name)));
  if (role === 'worker') for (const name of API_SECRETS) own.delete(name);
  return chosen(
    env,
    (name) => own.has(name) || name === DEBUGGER || SYSTEM.test(name) || LIBRARIES.test(name),
  );
}

function chosen(env: Environment, isWanted: (name: string) => boolean): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => isWanted(name)));
}
