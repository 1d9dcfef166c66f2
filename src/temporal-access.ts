import {
  type ClientConnectConfig,
  loadClientConfigFromToml,
  loadClientConfigProfile,
  toClientOptions,
} from '@temporalio/envconfig';
import { LongshoreError } from './errors.ts';
import { readSecretFile } from './secret-file.ts';

/**
 * How Temporal is reached, as its own variables say it (the same for all of its SDKs and tools): read by
 * `@temporalio/envconfig`, which takes what it does not understand for unset, or for `false`. So what it would pass over
 * is refused here.
 */
export interface TemporalAccess {
  readonly address: string | undefined;
  readonly namespace: string | undefined;
  /** Secret. */
  readonly apiKey: string | undefined;
  /** Secret: there may be a client's private key in it. */
  readonly tls: TemporalTls | boolean;
  /** Headers of each call; their values may be secret. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface TemporalTls {
  /** Certificates, as PEM, of those who may vouch for the server; unset: those that the system knows. */
  readonly serverRootCACertificate?: Uint8Array;
  /** The name that the server's certificate has to have; unset: the address's. */
  readonly serverNameOverride?: string;
  /** The certificate that the server wants to see, and its key, as PEM. */
  readonly clientCertPair?: { readonly crt: Uint8Array; readonly key: Uint8Array };
}

/** Variables of `TEMPORAL_TLS_…` that hold PEM text (`_DATA`), or name a file of it (`_PATH`). */
const PEM = ['TEMPORAL_TLS_CLIENT_CERT', 'TEMPORAL_TLS_CLIENT_KEY', 'TEMPORAL_TLS_SERVER_CA_CERT'] as const;
const META = 'TEMPORAL_GRPC_META_';
const ADDRESS = /^[^\s/]+:\d+$/;

/**
 * @param env without empty values; `TEMPORAL_API_KEY` wherever it came from
 * @throws LongshoreError `config-invalid`, without a word of what the variables and files hold
 */
export function temporalAccess(env: Readonly<Record<string, string>>): TemporalAccess {
  for (const name of PEM) checkPem(env, name);
  const { connectionOptions, namespace } = load(env);
  const { address, apiKey, tls, metadata } = connectionOptions;
  if (address !== undefined && !ADDRESS.test(address)) throw invalid('TEMPORAL_ADDRESS: expected host:port');
  return {
    address,
    namespace,
    apiKey: apiKey as string | undefined,
    tls: tls ?? false,
    metadata: (metadata ?? {}) as Record<string, string>,
  };
}

/** Whether it says more than where: what the embedded server, which is reached without, can do nothing with. */
export function isGuarded({ apiKey, tls, metadata }: TemporalAccess): boolean {
  return apiKey !== undefined || tls !== false || Object.keys(metadata).length > 0;
}

function load(env: Readonly<Record<string, string>>): ClientConnectConfig {
  const { TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: profile } = env;
  // Temporal's own default file counts only where somebody asks for it: it is there for people's command line.
  const disableFile = file === undefined && profile === undefined;
  const data = file === undefined ? undefined : readSecretFile('TEMPORAL_CONFIG_FILE', file);
  try {
    if (data !== undefined) checkProfile(data, profile ?? 'default');
    const found = loadClientConfigProfile({
      overrideEnvVars: { ...homeOf(), ...withHeaderNames(env) },
      disableFile,
      ...(data !== undefined && { configSource: { data } }),
    });
    // Half a pair would be passed over.
    if ((found.tls?.clientCert === undefined) !== (found.tls?.clientKey === undefined)) {
      throw invalid('TEMPORAL_TLS_CLIENT_CERT_… and TEMPORAL_TLS_CLIENT_KEY_…: set both');
    }
    return toClientOptions(found);
  } catch (error) {
    if (error instanceof LongshoreError) throw error;
    throw invalid(`${file === undefined ? 'TEMPORAL_PROFILE' : 'TEMPORAL_CONFIG_FILE'}: ${faultOf(error)}`);
  }
}

/** A file without a profile that nobody asked for by its name is passed over, too. */
function checkProfile(data: Uint8Array, profile: string): void {
  const { profiles } = loadClientConfigFromToml(data, { strict: false });
  if (Object.hasOwn(profiles, profile)) return;
  throw invalid(`TEMPORAL_CONFIG_FILE: it has no profile ${JSON.stringify(profile)}`);
}

/** By which the default file is found. */
function homeOf(): Record<string, string> {
  const { HOME, XDG_CONFIG_HOME } = process.env;
  return { ...(HOME !== undefined && { HOME }), ...(XDG_CONFIG_HOME !== undefined && { XDG_CONFIG_HOME }) };
}

/** `TEMPORAL_GRPC_META_X_TENANT_ID` is the header `x-tenant-id`; `envconfig` 1.24 replaces the first `_` only. */
function withHeaderNames(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) =>
      name.startsWith(META) ? [META + name.slice(META.length).replaceAll('_', '-'), value] : [name, value],
    ),
  );
}

function checkPem(env: Readonly<Record<string, string>>, name: (typeof PEM)[number]): void {
  const [path, data] = [env[`${name}_PATH`], env[`${name}_DATA`]];
  if (path !== undefined && data !== undefined)
    throw invalid(`${name}_PATH and ${name}_DATA: set one of the two`);
  const pem = path === undefined ? data : readSecretFile(`${name}_PATH`, path).toString('latin1');
  if (pem === undefined || pem.includes('-----BEGIN ')) return;
  throw invalid(`${name}_${path === undefined ? 'DATA' : 'PATH'}: expected PEM (-----BEGIN …)`);
}

/** A parser of TOML shows the lines around a fault, which may be secrets. */
function faultOf(error: unknown): string {
  const { code, line, column, path } = error as {
    code?: string;
    line?: number;
    column?: number;
    path?: string;
  };
  if (typeof line === 'number') return `no valid TOML: line ${line}, column ${column}`;
  if (typeof code === 'string') return `${path ?? 'a file that it names'} can not be read (${code})`;
  const said = error instanceof Error ? error.message : '';
  return /^(Profile '|Cannot specify both)/.test(said) ? said : 'not of the form of a client configuration';
}

function invalid(message: string): LongshoreError {
  return new LongshoreError('config-invalid', message);
}
