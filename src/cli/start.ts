import { readFileSync } from 'node:fs';
import { parseArgs, styleText } from 'node:util';
import type { Config } from '../config.ts';
import { checkStart } from '../platform/check-start.ts';
import { Platform, type PlatformUrls } from '../platform/platform.ts';
import { adminKeyPath, readKnownTables, readState, updateState } from '../runtime/home.ts';
import type { ProgressLog } from '../runtime/logger.ts';
import { loadSample, SAMPLE_TABLES, type SampleLine } from '../sample/load-sample.ts';
import { makeSampleSchedules } from '../sample/sample-schedules.ts';
import { startFaultsOf, startReport } from '../start-faults.ts';

const HELP = `Usage: npm start [-- OPTIONS]

Starts the whole platform: PostgreSQL and Temporal (unless DATABASE_URL and TEMPORAL_ADDRESS
name others), the API, the workflow worker and the activity workers. The first start also loads
the bundled sample and makes its schedules. Ctrl-C stops everything.

Options:
  --no-sample   neither load the sample nor make its schedules
  --help        show this help

Environment: LONGSHORE_HOME, LONGSHORE_HOST, LONGSHORE_PORT, LONGSHORE_WORKERS, LONGSHORE_LOG,
LONGSHORE_STORAGE, LONGSHORE_DICTIONARY, DATABASE_URL, TEMPORAL_ADDRESS …; see docs/configuration.md.`;

const terminal: ProgressLog = {
  info: (message) => console.log(`${styleText('dim', '·')} ${message}`),
  warn: (message) => console.error(`${styleText('yellow', '!')} ${message}`),
};

await main();

async function main(): Promise<void> {
  const options = readOptions();
  if (options === 'help') {
    console.log(HELP);
    return;
  }
  const config = await configOrExit();
  const platform = new Platform({ config, log: terminal });
  const asked = stopRequest();
  // A closed terminal must not end the process before everything is stopped.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);

  let exitCode = 0;
  try {
    await Promise.race([run(platform, config, options.sample), asked]);
    await asked;
    terminal.info('Stopping …');
  } catch (error) {
    fail(error);
    exitCode = 1;
  }
  await platform.stop();
  if (exitCode === 0) terminal.info('Stopped.');
  process.exit(exitCode);
}

async function run(platform: Platform, config: Config, wantSample: boolean): Promise<void> {
  const startedAt = Date.now();
  const urls = await platform.start();
  if (readState(config.home).firstStartDoneAt === undefined) {
    if (wantSample && hasSample(config)) await firstLoads(config, urls.apiUrl);
    // Only now: a first start that was interrupted in its loads goes on with them next time.
    updateState(config.home, { firstStartDoneAt: new Date().toISOString() });
  }
  await firstSchedules(config, urls.apiUrl, wantSample);
  console.log(summary(config, urls, Date.now() - startedAt));
}

/** A dictionary of one's own has no use for the sample; a ledger that was there before may have one. */
function hasSample({ home }: Config): boolean {
  const known = readKnownTables(home);
  return known?.base === 'sample' && SAMPLE_TABLES.every((name) => known.tables.includes(name));
}

async function firstLoads(config: Config, apiUrl: string): Promise<void> {
  terminal.info('First start: loading the sample');
  const lines = await loadSample({
    apiUrl,
    adminKey: keyOf(config),
    log: (message) => terminal.info(message),
  });
  const width = Math.max(...lines.map((line) => line.table.length));
  const show = ({ table, loaded, rejected }: SampleLine) =>
    `  ${table.padEnd(width)}  ${String(loaded).padStart(6)} loaded  ${String(rejected).padStart(4)} rejected`;
  console.log(lines.map(show).join('\n'));
}

/** Once in the life of a home: also of one whose first start was before there were schedules. */
async function firstSchedules(config: Config, apiUrl: string, wantSample: boolean): Promise<void> {
  if (readState(config.home).sampleSchedulesAt !== undefined) return;
  if (wantSample && hasSample(config)) {
    await makeSampleSchedules({ apiUrl, adminKey: keyOf(config), log: (message) => terminal.info(message) });
  }
  updateState(config.home, { sampleSchedulesAt: new Date().toISOString() });
}

function keyOf(config: Config): string {
  return config.adminKey ?? readFileSync(adminKeyPath(config.home), 'utf8').trim();
}

function summary(config: Config, urls: PlatformUrls, tookMs: number): string {
  const rows: readonly (readonly [string, string])[] = [
    ['API', urls.apiUrl],
    ['Documentation', `${urls.apiUrl}/docs`],
    ['Temporal Web UI', urls.temporalUiUrl ?? `with the server at ${config.temporalAddress}`],
    [
      'Admin key',
      config.adminKey === undefined ? adminKeyPath(config.home) : 'the one in LONGSHORE_ADMIN_KEY',
    ],
    ['Logs', `${config.home}/logs`],
  ];
  return [
    '',
    `${styleText('bold', 'Longshore is up')} ${styleText('dim', `(${(tookMs / 1000).toFixed(1)} s)`)}`,
    ...rows.map(([name, value]) => `  ${name.padEnd(17)}${styleText('cyan', value)}`),
    styleText('dim', '  Ctrl-C stops everything.'),
    '',
  ].join('\n');
}

function readOptions(): 'help' | { readonly sample: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        sample: { type: 'boolean', default: true },
        help: { type: 'boolean', short: 'h', default: false },
      },
      allowNegative: true,
    });
    return values.help ? 'help' : { sample: values.sample };
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

async function configOrExit(): Promise<Config> {
  try {
    return await checkStart(process.env, 'platform');
  } catch (error) {
    fail(error);
    process.exit(1);
  }
}

/** Resolves at the first request to stop; further ones change nothing, since each step has its timeout. */
function stopRequest(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
    // Started by bootstrap.mjs, which holds the other end of the channel for as long as it lives.
    if (process.connected) process.once('disconnect', () => resolve());
  });
}

/** One mark, then a line for each fault. */
function fail(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  const faults = startFaultsOf(error) ?? [{ code: 'internal' as const, detail: text }];
  console.error(`${styleText('red', '✖ Longshore can not start.')}\n${startReport(faults)}`);
}
