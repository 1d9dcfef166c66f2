import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { databaseUrl } from './database-url.ts';
import { LongshoreError } from './errors.ts';
import type { LedgerAges } from './ledger-ages.ts';
import { MAX_EXPANSION } from './max-expansion.ts';
import { KEPT_REJECTS, MAX_REJECTS_EXPECTED, parseMaxRejects } from './max-rejects.ts';
import { checkBySchema } from './schema-words.ts';
import {
  CLIENT_SECRET,
  fileVariable,
  KEY_SECRETS,
  type KeySecret,
  readSecretFile,
  type SecretSource,
  secretOf,
  secretText,
  TEXT_SECRETS,
} from './secret-file.ts';
import { withoutTrailing } from './shorten.ts';
import { type TemporalAccess, temporalAccess } from './temporal-access.ts';
import type { MaxRejects } from './types.ts';

const port = z.coerce.number().int().min(1).max(65535).optional();

/** Nothing is deleted unless it is configured, not even by an upgrade. */
const keptDays = z.coerce.number().int().min(0).max(36_500).default(0);

/** How long requests and activities may take to finish when their process stops. */
export const GRACE_SECONDS = 30;

/** Where the API listens unless `LONGSHORE_PORT` says otherwise. */
const DEFAULT_PORT = 8080;

/**
 * Everything the environment can say. Parsed once at the start of each process; an unknown `LONGSHORE_` name or
 * a value out of range stops the start (`config-invalid`), so that a typing error never becomes a default.
 */
const schema = z.object({
  LONGSHORE_HOME: z.string().min(1).default('.longshore'),
  LONGSHORE_HOST: z.string().min(1).default('127.0.0.1'),
  LONGSHORE_PORT: z.coerce.number().int().min(0).max(65535).optional(),
  LONGSHORE_POSTGRES_PORT: port,
  LONGSHORE_TEMPORAL_PORT: port,
  LONGSHORE_TEMPORAL_UI_PORT: port,
  LONGSHORE_TEMPORAL_HTTP_PORT: port,
  LONGSHORE_TEMPORAL_METRICS_PORT: port,
  DATABASE_URL: z.string().optional(),
  DATABASE_PASSWORD: z.string().optional(),
  TEMPORAL_ADDRESS: z
    .string()
    .regex(/^[^\s/]+:\d+$/, 'expected host:port')
    .optional(),
  TEMPORAL_NAMESPACE: z.string().min(1).optional(),
  TEMPORAL_TLS: z.enum(['true', 'false', '1', '0']).optional(),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: z.string().optional(),
  TEMPORAL_TLS_SERVER_CA_CERT_DATA: z.string().optional(),
  TEMPORAL_TLS_SERVER_NAME: z.string().optional(),
  TEMPORAL_TLS_CLIENT_CERT_PATH: z.string().optional(),
  TEMPORAL_TLS_CLIENT_CERT_DATA: z.string().optional(),
  TEMPORAL_TLS_CLIENT_KEY_PATH: z.string().optional(),
  TEMPORAL_TLS_CLIENT_KEY_DATA: z.string().optional(),
  // Its SDK for TypeScript can't, and would check it nevertheless.
  TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: z
    .enum(['false', '0'], 'is not supported: give the CA by TEMPORAL_TLS_SERVER_CA_CERT_PATH')
    .optional(),
  TEMPORAL_CONFIG_FILE: z.string().optional(),
  TEMPORAL_PROFILE: z.string().optional(),
  TEMPORAL_UI_URL: z.url({ protocol: /^https?$/ }).optional(),
  TEMPORAL_API_KEY: z.string().min(1).optional(),
  LONGSHORE_TEMPORAL_CLI: z.string().min(1).optional(),
  LONGSHORE_STORAGE: z.string().min(1).optional(),
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
  AWS_SESSION_TOKEN: z.string().optional(),
  LONGSHORE_INSTALLATION: z
    .string()
    .regex(/^(?!activities$)[a-z0-9]{2,24}$/, 'expected 2 to 24 lower-case letters and digits')
    .optional(),
  LONGSHORE_DICTIONARY: z.string().min(1).optional(),
  LONGSHORE_ADMIN_KEY: z
    .string()
    .min(16, 'expected at least 16 characters')
    .max(2_000, 'expected at most 2000 characters')
    .optional(),
  LONGSHORE_EVENTS_SECRET: z
    .string()
    .min(16, 'expected at least 16 characters')
    .max(2_000, 'expected at most 2000 characters')
    .optional(),
  LONGSHORE_METRICS_PORT: z.coerce.number().int().min(1).max(65535).optional(),
  LONGSHORE_WORKERS: z.coerce.number().int().min(1).max(256).default(availableParallelism()),
  LONGSHORE_RATE: z.coerce.number().int().min(1).max(1_000_000).default(2000),
  LONGSHORE_BURST: z.coerce.number().int().min(1).max(1_000_000).default(4000),
  LONGSHORE_INBOX: z.enum(['on', 'paused']).default('on'),
  LONGSHORE_UPLOADS: z.coerce.number().int().min(1).max(10_000).default(64),
  LONGSHORE_INFERENCES: z.coerce.number().int().min(1).max(1_000).default(2),
  LONGSHORE_INFER_MIB: z.coerce.number().int().min(1).max(1_048_576).default(512),
  LONGSHORE_DRAIN_SECONDS: z.coerce.number().int().min(0).max(3600).optional(),
  LONGSHORE_GRACE_SECONDS: z.coerce.number().int().min(0).max(3600).optional(),
  LONGSHORE_COPIES: z.coerce.number().int().min(0).max(10_000).default(100),
  LONGSHORE_REMOVED_TABLE_DAYS: z.coerce.number().int().min(1).max(36_500).default(30),
  LONGSHORE_MAX_REJECTS: z
    .string()
    .default('10000000')
    .refine((text) => parseMaxRejects(text) !== undefined, MAX_REJECTS_EXPECTED),
  LONGSHORE_MAX_EXPANSION: z.coerce.number().int().min(2).max(1_000_000).default(MAX_EXPANSION),
  LONGSHORE_KEPT_REJECTS: z.coerce.number().int().min(1).max(10_000_000).default(KEPT_REJECTS),
  LONGSHORE_KEPT_GROUPS: z.coerce.number().int().min(0).max(10_000_000).optional(),
  LONGSHORE_IDEMPOTENCY_DAYS: z.coerce.number().int().min(1).max(365).default(7),
  LONGSHORE_KEEP_REJECTS_DAYS: keptDays,
  LONGSHORE_KEEP_LEDGER_DAYS: keptDays,
  LONGSHORE_KEEP_AUDIT_DAYS: keptDays,
  LONGSHORE_PAYLOADS: z.enum(['readable', 'encrypted']).default('readable'),
  LONGSHORE_REPORTS: z.string().min(1).optional(),
  LONGSHORE_REFRESH_SECONDS: z.coerce.number().int().min(1).max(86_400).default(5),
  LONGSHORE_LOG: z.enum(['silent', 'error', 'warn', 'info', 'debug']).default('info'),
});

/** What only the command-line client reads; known here, so that setting them for both stops no start. */
export const CLIENT_NAMES: readonly string[] = ['LONGSHORE_URL', CLIENT_SECRET, fileVariable(CLIENT_SECRET)];

/** Whether people with access to Temporal can read what passes through it; authenticated it is in any case. */
export type PayloadMode = 'readable' | 'encrypted';

/** Credentials of an S3 storage. */
export interface StorageKeys {
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  /** Of temporary ones. */
  readonly sessionToken?: string | undefined;
}

export interface Config {
  /** Absolute path of the folder that holds the embedded databases, the storage and the keys. */
  readonly home: string;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** The port was configured: `npm start` takes no other one when it is not free. */
  readonly portIsGiven: boolean;
  /** Of the embedded servers; unset: a free one, the same as the last time if it can be. */
  readonly serverPorts: {
    readonly postgres: number | undefined;
    readonly temporal: number | undefined;
    readonly temporalUi: number | undefined;
    readonly temporalHttp: number | undefined;
    readonly temporalMetrics: number | undefined;
  };
  /** With the password in it; unset: the embedded PostgreSQL. */
  readonly databaseUrl: string | undefined;
  /** Unset: the embedded Temporal dev server. */
  readonly temporalAddress: string | undefined;
  readonly temporalNamespace: string;
  readonly temporalAccess: TemporalAccess;
  /** A `temporal` program for the embedded server, in place of the pinned one that is fetched. */
  readonly temporalCli: string | undefined;
  /** Where people see Temporal's Web UI, without a trailing slash; links of loads point there. */
  readonly temporalUiUrl: string | undefined;
  /** `file:/path` or `s3://bucket?endpoint=…`; the default is a folder in `home`. */
  readonly storage: string;
  /** For `s3://`; unset: what OpenDAL finds, such as the role of a machine. */
  readonly storageKeys: StorageKeys;
  /** The ID for this installation where its ledger is a copy of another one's; unset: the ledger's ID. */
  readonly installation: string | undefined;
  /** Path of a Data Package descriptor; unset: the bundled sample's. */
  readonly dictionaryPath: string | undefined;
  readonly adminKey: string | undefined;
  /** What S3's event notifications have to come with; unset: none are taken. */
  readonly eventsSecret: string | undefined;
  /** Activity worker processes. */
  readonly workers: number;
  /**
   * Where an activity worker serves `/metrics`, on `host`; worker k of `npm start` at this port + k - 1. Unset: nowhere.
   * The API serves its own at `/metrics` whatever this says.
   */
  readonly metricsPort: number | undefined;
  /** Requests a second that a key without a rate of its own may send in the long run, and at once after a pause. */
  readonly rate: { readonly perSecond: number; readonly burst: number };
  /** The arrival of the inbox is made paused; where there is one already, it stays as it is. */
  readonly inboxPaused: boolean;
  /** Files that an API process receives at a time. */
  readonly uploads: number;
  /** Requests of which an API process infers the files at a time. */
  readonly inferences: number;
  /** What the files of such a request may have together, unpacked. */
  readonly inferMebibytes: number;
  /** How long an API process that was told to stop serves on; unset: it depends on who started it. */
  readonly drainSeconds: number | undefined;
  /** How long a process that stops lets requests, or activities, finish; unset: likewise. */
  readonly graceSeconds: number | undefined;
  /** Tables that restores under another name may make, together. */
  readonly copies: number;
  /** How long a table that was removed can be brought back. */
  readonly removedTableDays: number;
  /** How many rejects fail a load that does not say it itself; null: as many as there are. */
  readonly maxRejects: MaxRejects | null;
  /** The bytes that one byte of a packed file may become. */
  readonly maxExpansion: number;
  /** How many rejects of a load are kept with their records. */
  readonly keptRejects: number;
  /** How many committed groups keep their workflow in Temporal; 0: all, for its retention. Unset: it depends on whose it is. */
  readonly keptGroups: number | undefined;
  /** How long an `Idempotency-Key` is remembered. */
  readonly idempotencyDays: number;
  /** After how many days entries of the ledger are deleted. */
  readonly ledgerAges: LedgerAges;
  /** The key that new backups are encrypted and authenticated with: 32 bytes, as hex or base64. */
  readonly backupKey: SecretSource | undefined;
  /** Keys that backups were made with before: only for reading them. */
  readonly oldBackupKeys: SecretSource | undefined;
  /** The keys that what passes through Temporal is sealed with, the first of them, and opened; unset: the home's. */
  readonly payloadKey: SecretSource | undefined;
  readonly payloadMode: PayloadMode;
  /** Folder of report files; unset: those of the sample, when the dictionary is the sample's. */
  readonly reportsPath: string | undefined;
  /** Writes to its tables refresh a report's view at most this often. */
  readonly refreshSeconds: number;
  readonly logLevel: 'silent' | 'error' | 'warn' | 'info' | 'debug';
}

export const CONFIG_NAMES: readonly string[] = [
  ...Object.keys(schema.shape),
  ...KEY_SECRETS,
  ...[...TEXT_SECRETS, ...KEY_SECRETS].map(fileVariable),
  ...CLIENT_NAMES,
];

/** @throws LongshoreError `config-invalid`, naming every variable at fault. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith('LONGSHORE_') && !CONFIG_NAMES.includes(name),
  );
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const { texts, sources, faults } = readSecrets(given);
  const parsed = checkBySchema(schema, {
    ...given,
    ...Object.fromEntries([...texts].map(([name, { text }]) => [name, text])),
  });
  faults.unshift(...unknown.map((name) => `${name}: unknown variable (known: ${CONFIG_NAMES.join(', ')})`));
  for (const { path, message } of parsed.error?.issues ?? []) {
    faults.push(`${texts.get(String(path[0]))?.name ?? path.join('.')}: ${message}`);
  }
  const database = databaseUrl(texts.get('DATABASE_URL'), texts.get('DATABASE_PASSWORD'));
  if ('fault' in database) faults.push(database.fault);
  const temporal = readTemporal(given, texts.get('TEMPORAL_API_KEY')?.text, faults);
  if (!parsed.success || 'fault' in database || temporal === undefined || faults.length > 0) {
    const found = [...new Set(faults)];
    throw new LongshoreError('config-invalid', found.join('; '), {
      places: found.map((detail) => ({ detail })),
    });
  }
  const e = parsed.data;
  const home = resolve(e.LONGSHORE_HOME);
  return {
    home,
    host: e.LONGSHORE_HOST,
    port: e.LONGSHORE_PORT ?? DEFAULT_PORT,
    portIsGiven: e.LONGSHORE_PORT !== undefined,
    serverPorts: {
      postgres: e.LONGSHORE_POSTGRES_PORT,
      temporal: e.LONGSHORE_TEMPORAL_PORT,
      temporalUi: e.LONGSHORE_TEMPORAL_UI_PORT,
      temporalHttp: e.LONGSHORE_TEMPORAL_HTTP_PORT,
      temporalMetrics: e.LONGSHORE_TEMPORAL_METRICS_PORT,
    },
    databaseUrl: database.url,
    temporalAddress: temporal.address,
    temporalNamespace: temporal.namespace ?? 'default',
    temporalAccess: temporal,
    temporalCli: e.LONGSHORE_TEMPORAL_CLI && resolve(e.LONGSHORE_TEMPORAL_CLI),
    temporalUiUrl: e.TEMPORAL_UI_URL && withoutTrailing(e.TEMPORAL_UI_URL, '/'),
    storage: e.LONGSHORE_STORAGE ?? `file:${resolve(home, 'storage')}`,
    storageKeys: {
      accessKeyId: e.AWS_ACCESS_KEY_ID,
      secretAccessKey: e.AWS_SECRET_ACCESS_KEY,
      sessionToken: e.AWS_SESSION_TOKEN,
    },
    installation: e.LONGSHORE_INSTALLATION,
    dictionaryPath: e.LONGSHORE_DICTIONARY && resolve(e.LONGSHORE_DICTIONARY),
    adminKey: e.LONGSHORE_ADMIN_KEY,
    eventsSecret: e.LONGSHORE_EVENTS_SECRET,
    workers: e.LONGSHORE_WORKERS,
    metricsPort: e.LONGSHORE_METRICS_PORT,
    rate: { perSecond: e.LONGSHORE_RATE, burst: e.LONGSHORE_BURST },
    inboxPaused: e.LONGSHORE_INBOX === 'paused',
    uploads: e.LONGSHORE_UPLOADS,
    inferences: e.LONGSHORE_INFERENCES,
    inferMebibytes: e.LONGSHORE_INFER_MIB,
    drainSeconds: e.LONGSHORE_DRAIN_SECONDS,
    graceSeconds: e.LONGSHORE_GRACE_SECONDS,
    copies: e.LONGSHORE_COPIES,
    removedTableDays: e.LONGSHORE_REMOVED_TABLE_DAYS,
    maxRejects: parseMaxRejects(e.LONGSHORE_MAX_REJECTS) ?? null,
    maxExpansion: e.LONGSHORE_MAX_EXPANSION,
    keptRejects: e.LONGSHORE_KEPT_REJECTS,
    keptGroups: e.LONGSHORE_KEPT_GROUPS,
    idempotencyDays: e.LONGSHORE_IDEMPOTENCY_DAYS,
    ledgerAges: {
      rejectsDays: e.LONGSHORE_KEEP_REJECTS_DAYS,
      ledgerDays: e.LONGSHORE_KEEP_LEDGER_DAYS,
      auditDays: e.LONGSHORE_KEEP_AUDIT_DAYS,
    },
    backupKey: sources.LONGSHORE_BACKUP_KEY,
    oldBackupKeys: sources.LONGSHORE_BACKUP_KEYS_OLD,
    payloadKey: sources.LONGSHORE_PAYLOAD_KEY,
    payloadMode: e.LONGSHORE_PAYLOADS,
    reportsPath: e.LONGSHORE_REPORTS && resolve(e.LONGSHORE_REPORTS),
    refreshSeconds: e.LONGSHORE_REFRESH_SECONDS,
    logLevel: e.LONGSHORE_LOG,
  };
}

interface Secrets {
  /** By variable, with the one that said it. */
  readonly texts: Map<string, { readonly name: string; readonly text: string }>;
  readonly sources: Partial<Record<KeySecret, SecretSource>>;
  /** In words, one a secret that can't be had. */
  readonly faults: string[];
}

/** Every secret of the environment. Files of keys are read here too, so that one that can't be stops the start. */
function readSecrets(env: NodeJS.ProcessEnv): Secrets {
  const secrets: Secrets = { texts: new Map(), sources: {}, faults: [] };
  const noting = (read: () => void) => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof LongshoreError)) throw error;
      secrets.faults.push(error.message);
    }
  };
  for (const name of TEXT_SECRETS) {
    noting(() => {
      const secret = secretText(env, name);
      if (secret !== undefined) secrets.texts.set(name, secret);
    });
  }
  for (const name of KEY_SECRETS) {
    noting(() => {
      const source = secretOf(env, name);
      if (source === undefined) return;
      if ('file' in source) readSecretFile(source.name, source.file);
      secrets.sources[name] = source;
    });
  }
  return secrets;
}

/** undefined: it is at fault, and the fault is added. */
function readTemporal(
  given: NodeJS.ProcessEnv,
  apiKey: string | undefined,
  faults: string[],
): TemporalAccess | undefined {
  const names = Object.entries(given).flatMap(([name, value]) =>
    name.startsWith('TEMPORAL_') && value !== undefined ? [[name, value] as const] : [],
  );
  try {
    return temporalAccess({
      ...Object.fromEntries(names),
      ...(apiKey !== undefined && { TEMPORAL_API_KEY: apiKey }),
    });
  } catch (error) {
    faults.push((error as Error).message);
    return undefined;
  }
}
