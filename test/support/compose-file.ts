import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

const COMPOSE_FILE = new URL('../../docker-compose.yml', import.meta.url);

/** A service of a Compose file, as far as the tests look at it (compose-spec.io). */
export interface ComposeService {
  readonly image: string;
  readonly build?: string;
  readonly command?: string | readonly string[];
  readonly entrypoint?: readonly string[];
  readonly user?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly env_file?: readonly { readonly path: string; readonly required: boolean }[];
  readonly secrets?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly (string | ComposeBind)[];
  readonly tmpfs?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition?: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly privileged?: boolean;
  readonly security_opt?: readonly string[];
  readonly logging?: { readonly options?: Readonly<Record<string, string>> };
  readonly deploy?: {
    readonly replicas?: string;
    readonly resources?: { readonly limits?: Readonly<Record<string, string | number>> };
  };
}

export interface ComposeBind {
  readonly source: string;
  readonly target: string;
  readonly read_only?: boolean;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

/** The project's Compose file, merged and interpolated as Compose does it. @param env what stands in `.env` */
export function readComposeFile(env: Readonly<Record<string, string>> = {}): ComposeFile {
  const text = readFileSync(COMPOSE_FILE, 'utf8');
  return interpolated(parse(text, { merge: true }), env) as ComposeFile;
}

const VARIABLE = /\$(?:(\$)|\{(\w+)(?:(:[-+])([^}]*))?\})/g;

function interpolated(value: unknown, env: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') {
    return value.replace(VARIABLE, (whole, dollar, name, operator, word) => {
      if (dollar !== undefined) return '$';
      const set = env[name] ?? '';
      if (operator === ':+') return set === '' ? '' : word;
      if (set === '' && operator === undefined) throw new Error(`${whole} has no default`);
      return set === '' ? word : set;
    });
  }
  if (Array.isArray(value)) return value.map((one) => interpolated(one, env));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, interpolated(one, env)]));
}

/** What a container mounts as `/run/secrets`, to be found elsewhere. */
export function secretsIn(
  folder: string,
  environment: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      value.replace(/^\/run\/secrets\//, `${folder}/`),
    ]),
  );
}
