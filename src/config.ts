import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { LongshoreError } from './errors.ts';
import type { LedgerAges } from './ledger-ages.ts';
import { KEPT_REJECTS, MAX_REJECTS_EXPECTED, parseMaxRejects } from './max-rejects.ts';
import { secretText, TEXT_SECRETS } from './secret-file.ts';
import { withoutTrailing } from './shorten.ts';
import type { MaxRejects } from './types.ts';

const port = z.coerce.number().int().min(1).max(65535).optional();

/** Nothing is deleted unless it is configured, not even by an upgrade. */
const keptDays = z.coerce.number().int().min(0).max(36_500).default(0);

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
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  DATABASE_URL_FILE: z.string().min(1).optional(),
  TEMPORAL_ADDRESS: z
    .string()
    .regex(/^[^\s/]+:\d+$/, 'expected host:port')
    .optional(),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default'),
  TEMPORAL_UI_URL: z.url({ protocol: /^https?$/ }).optional(),
  TEMPORAL_API_KEY: z.string().min(1).optional(),
  TEMPORAL_API_KEY_FILE: z.string().min(1).optional(),
  LONGSHORE_TEMPORAL_CLI: z.string().min(1).optional(),
  LONGSHORE_STORAGE: z.string().min(1).optional(),
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
  LONGSHORE_ADMIN_KEY_FILE: z.string().min(1).optional(),
  LONGSHORE_METRICS_PORT: z.coerce.number().int().min(1).max(65535).optional(),
  LONGSHORE_WORKERS: z.coerce.number().int().min(1).max(256).default(availableParallelism()),
  LONGSHORE_RATE: z.coerce.number().int().min(1).max(1_000_000).default(2000),
  LONGSHORE_BURST: z.coerce.number().int().min(1).max(1_000_000).default(4000),
  LONGSHORE_UPLOADS: z.coerce.number().int().min(1).max(10_000).default(64),
  LONGSHORE_COPIES: z.coerce.number().int().min(0).max(10_000).default(100),
  LONGSHORE_MAX_REJECTS: z
    .string()
    .default('10000000')
    .refine((text) => parseMaxRejects(text) !== undefined, MAX_REJECTS_EXPECTED),
  LONGSHORE_KEPT_REJECTS: z.coerce.number().int().min(1).max(10_000_000).default(KEPT_REJECTS),
  LONGSHORE_IDEMPOTENCY_DAYS: z.coerce.number().int().min(1).max(365).default(7),
  LONGSHORE_KEEP_REJECTS_DAYS: keptDays,
  LONGSHORE_KEEP_LEDGER_DAYS: keptDays,
  LONGSHORE_KEEP_AUDIT_DAYS: keptDays,
  LONGSHORE_BACKUP_KEY: z.string().optional(),
  LONGSHORE_BACKUP_KEY_FILE: z.string().min(1).optional(),
  LONGSHORE_BACKUP_KEYS_OLD: z.string().optional(),
  LONGSHORE_BACKUP_KEYS_OLD_FILE: z.string().min(1).optional(),
  LONGSHORE_PAYLOAD_KEY: z.string().optional(),
  LONGSHORE_PAYLOAD_KEY_FILE: z.string().min(1).optional(),
  LONGSHORE_PAYLOADS: z.enum(['readable', 'encrypted']).default('readable'),
  LONGSHORE_REPORTS: z.string().min(1).optional(),
  LONGSHORE_REFRESH_SECONDS: z.coerce.number().int().min(1).max(86_400).default(5),
  LONGSHORE_LOG: z.enum(['silent', 'error', 'warn', 'info', 'debug']).default('info'),
});

/** What only the command-line client reads; known here, so that setting them for both stops no start. */
export const CLIENT_NAMES: readonly string[] = ['LONGSHORE_URL', 'LONGSHORE_KEY'];

/** A secret's text, or the file that holds it; `name`: the variable that says so, for errors. */
export type SecretSource = { readonly name: string } & (
  | { readonly text: string }
  | { readonly file: string }
);

/** Whether people with access to Temporal can read what passes through it; authenticated it is in any case. */
export type PayloadMode = 'readable' | 'encrypted';

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
  /** Unset: the embedded PostgreSQL. */
  readonly databaseUrl: string | undefined;
  /** Unset: the embedded Temporal dev server. */
  readonly temporalAddress: string | undefined;
  readonly temporalNamespace: string;
  readonly temporalApiKey: string | undefined;
  /** A `temporal` program for the embedded server, in place of the pinned one that is fetched. */
  readonly temporalCli: string | undefined;
  /** Where people see Temporal's Web UI, without a trailing slash; links of loads point there. */
  readonly temporalUiUrl: string | undefined;
  /** `file:/path` or `s3://bucket?endpoint=…`; the default is a folder in `home`. */
  readonly storage: string;
  /** The ID for this installation where its ledger is a copy of another one's; unset: the ledger's ID. */
  readonly installation: string | undefined;
  /** Path of a Data Package descriptor; unset: the bundled sample's. */
  readonly dictionaryPath: string | undefined;
  readonly adminKey: string | undefined;
  /** Activity worker processes. */
  readonly workers: number;
  /**
   * Where an activity worker serves `/metrics`, on `host`; worker k of `npm start` at this port + k - 1. Unset: nowhere.
   * The API serves its own at `/metrics` whatever this says.
   */
  readonly metricsPort: number | undefined;
  /** Requests a second that a key without a rate of its own may send in the long run, and at once after a pause. */
  readonly rate: { readonly perSecond: number; readonly burst: number };
  /** Files that an API process receives at a time. */
  readonly uploads: number;
  /** Tables that restores under another name may make, together. */
  readonly copies: number;
  /** How many rejects fail a load that does not say it itself; null: as many as there are. */
  readonly maxRejects: MaxRejects | null;
  /** How many rejects of a load are kept with their records. */
  readonly keptRejects: number;
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

export const CONFIG_NAMES: readonly string[] = [...Object.keys(schema.shape), ...CLIENT_NAMES];

/** @throws LongshoreError `config-invalid`, naming every variable at fault. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith('LONGSHORE_') && !CONFIG_NAMES.includes(name),
  );
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const secrets = TEXT_SECRETS.flatMap((name) => {
    const secret = secretText(given, name);
    return secret === undefined ? [] : [[name, secret] as const];
  });
  for (const [name, { text }] of secrets) given[name] = text;
  const saidBy = new Map<PropertyKey, string>(secrets.map(([name, secret]) => [name, secret.name]));
  const parsed = schema.safeParse(given);
  const faults = [
    ...unknown.map((name) => `${name}: unknown variable (known: ${CONFIG_NAMES.join(', ')})`),
    ...(parsed.success
      ? []
      : parsed.error.issues.map(
          ({ path, message }) => `${saidBy.get(path[0] ?? '') ?? path.join('.')}: ${message}`,
        )),
  ];
  if (!parsed.success || faults.length > 0) throw new LongshoreError('config-invalid', faults.join('; '));
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
    databaseUrl: e.DATABASE_URL,
    temporalAddress: e.TEMPORAL_ADDRESS,
    temporalNamespace: e.TEMPORAL_NAMESPACE,
    temporalApiKey: e.TEMPORAL_API_KEY,
    temporalCli: e.LONGSHORE_TEMPORAL_CLI && resolve(e.LONGSHORE_TEMPORAL_CLI),
    temporalUiUrl: e.TEMPORAL_UI_URL && withoutTrailing(e.TEMPORAL_UI_URL, '/'),
    storage: e.LONGSHORE_STORAGE ?? `file:${resolve(home, 'storage')}`,
    installation: e.LONGSHORE_INSTALLATION,
    dictionaryPath: e.LONGSHORE_DICTIONARY && resolve(e.LONGSHORE_DICTIONARY),
    adminKey: e.LONGSHORE_ADMIN_KEY,
    workers: e.LONGSHORE_WORKERS,
    metricsPort: e.LONGSHORE_METRICS_PORT,
    rate: { perSecond: e.LONGSHORE_RATE, burst: e.LONGSHORE_BURST },
    uploads: e.LONGSHORE_UPLOADS,
    copies: e.LONGSHORE_COPIES,
    maxRejects: parseMaxRejects(e.LONGSHORE_MAX_REJECTS) ?? null,
    keptRejects: e.LONGSHORE_KEPT_REJECTS,
    idempotencyDays: e.LONGSHORE_IDEMPOTENCY_DAYS,
    ledgerAges: {
      rejectsDays: e.LONGSHORE_KEEP_REJECTS_DAYS,
      ledgerDays: e.LONGSHORE_KEEP_LEDGER_DAYS,
      auditDays: e.LONGSHORE_KEEP_AUDIT_DAYS,
    },
    backupKey: secretOf(e, 'LONGSHORE_BACKUP_KEY'),
    oldBackupKeys: secretOf(e, 'LONGSHORE_BACKUP_KEYS_OLD'),
    payloadKey: secretOf(e, 'LONGSHORE_PAYLOAD_KEY'),
    payloadMode: e.LONGSHORE_PAYLOADS,
    reportsPath: e.LONGSHORE_REPORTS && resolve(e.LONGSHORE_REPORTS),
    refreshSeconds: e.LONGSHORE_REFRESH_SECONDS,
    logLevel: e.LONGSHORE_LOG,
  };
}

/** The variable goes before the one with `_FILE` at its end. */
function secretOf(
  e: z.infer<typeof schema>,
  name: 'LONGSHORE_BACKUP_KEY' | 'LONGSHORE_BACKUP_KEYS_OLD' | 'LONGSHORE_PAYLOAD_KEY',
): SecretSource | undefined {
  const [text, file] = [e[name], e[`${name}_FILE`]];
  if (text !== undefined) return { name, text };
  return file === undefined ? undefined : { name: `${name}_FILE`, file: resolve(file) };
}
