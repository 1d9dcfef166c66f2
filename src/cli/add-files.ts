import { createInterface } from 'node:readline/promises';
import { Readable } from 'node:stream';
import { parseDictionary } from '../dictionary/parse-dictionary.ts';
import type { Inferred, InferredFile, InferSource } from '../infer/infer.ts';
import { isReady, prepared } from '../infer/prepare.ts';
import type { Table } from '../types.ts';
import type { CommandContext } from './context.ts';
import { CliError, EXIT } from './exit-codes.ts';
import { formatCount } from './format.ts';
import { openInferInputs } from './infer-inputs.ts';
import type { InferCommandOptions } from './infer-options.ts';
import { inferWithProgress } from './infer-with-progress.ts';
import { type GlobalOptions, openSession, type Session } from './session.ts';
import { describeInferred } from './show-infer.ts';
import { exitCodeOf, showLoad } from './show-load.ts';
import { uploadFile } from './upload-file.ts';
import { watchLoad } from './watch-load.ts';

export interface AddOptions extends GlobalOptions, InferCommandOptions {
  readonly yes?: boolean;
  readonly maxRejects?: string;
}

/**
 * Makes tables of files. Creating is one request, which a table that is there with the same definition answers as well,
 * and the same content is one load: whatever ends this in between, the same command goes on.
 *
 * @returns the exit code
 */
export async function addFiles(files: readonly string[], options: AddOptions): Promise<number> {
  const { context } = options;
  const session = await openSession(options);
  const asks = options.yes !== true;
  if (asks && (session.json || files.includes('-') || !isTerminal(context))) {
    throw new CliError(
      EXIT.usage,
      'it asks before it creates a table, and there is nobody to answer: --yes does',
    );
  }
  const tables = await knownTables(session);
  await using inputs = await openInferInputs(files, context);
  const progress = await session.progress('read');
  const inferred = await inferWithProgress(inputs, options, progress, session.signal);
  session.print(inferred, () => `${describeInferred(inferred)}\n`);
  const rows = inferred.files.reduce((sum, file) => sum + file.rows, 0);
  const names = inferred.descriptor.resources.map(({ name }) => String(name));
  const there = names.filter((name) => tables.has(name));
  const what = there.length === names.length ? `Load into ${names.join(', ')}` : `Create ${names.join(', ')}`;
  if (asks && !(await isAgreed(`${what}, and load ${formatCount(rows)} rows?`, context, session.signal))) {
    session.say('nothing was created, nothing was sent');
    return EXIT.failed;
  }
  await createTables(session, inferred, tables);
  return loadFiles(session, inferred, inputs.sources, options);
}

function isTerminal({ stdin }: CommandContext): boolean {
  return 'isTTY' in stdin && stdin.isTTY === true;
}

async function knownTables(session: Session): Promise<ReadonlySet<string>> {
  const { tables } = await session.api.json<{ readonly tables: readonly { readonly name: string }[] }>(
    '/v1/tables',
    { signal: session.signal },
  );
  return new Set(tables.map(({ name }) => name));
}

async function isAgreed(question: string, context: CommandContext, signal: AbortSignal): Promise<boolean> {
  const lines = createInterface({ input: context.stdin, output: context.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal });
    return /^(?:y|yes)$/i.test(answer.trim());
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw new CliError(EXIT.interrupted, 'interrupted: nothing was created, nothing was sent');
  } finally {
    lines.close();
  }
}

async function createTables(
  session: Session,
  { descriptor }: Inferred,
  tables: ReadonlySet<string>,
): Promise<void> {
  const { status, text } = await session.api.exchange('/v1/tables', {
    method: 'POST',
    signal: session.signal,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(descriptor),
  });
  if (status === 201) {
    for (const { name } of descriptor.resources) session.say(`the table ${name} was created`);
    return;
  }
  if (status === 200) {
    session.say('the tables are there already, with the same definition');
    return;
  }
  const refusal = session.api.refusal(status, text);
  const taken = descriptor.resources.filter(
    ({ name }) =>
      tables.has(String(name)) ||
      (refusal.message.includes('(table-exists)') && descriptor.resources.length === 1),
  );
  if (taken.length === 0) throw refusal;
  const [{ name }] = taken as [{ readonly name: string }];
  throw new CliError(
    refusal.exitCode,
    `${refusal.message}\n  the table ${name} is there with another definition: --table gives this one another name, ` +
      `and "longshore load FILE --table ${name}" loads into the one that is there`,
    { cause: refusal },
  );
}

/** Tables that others refer to first. Stops at the first load that fails. */
async function loadFiles(
  session: Session,
  inferred: Inferred,
  sources: readonly InferSource[],
  options: AddOptions,
): Promise<number> {
  const order = parseDictionary(inferred.descriptor).tables;
  let exitCode: number = EXIT.ok;
  for (const table of order) {
    for (const [index, file] of inferred.files.entries()) {
      if (file.table !== table.name) continue;
      if (file.rows === 0) {
        session.say(`${file.name} has no rows: nothing was loaded`);
        continue;
      }
      const code = await loadFile(
        session,
        sources[sourceOf(inferred.files, index, sources)]!,
        file,
        table,
        options,
      );
      exitCode = Math.max(exitCode, code);
      if (code === EXIT.failed) return code;
    }
  }
  return exitCode;
}

/** Two files may have one name, in different folders: the n-th of a name is the n-th source of it. */
function sourceOf(files: readonly InferredFile[], index: number, sources: readonly InferSource[]): number {
  const { name } = files[index]!;
  const nth = files.slice(0, index).filter((file) => file.name === name).length;
  const found = sources.flatMap((source, at) => (source.name === name ? [at] : []));
  return found[nth]!;
}

async function loadFile(
  session: Session,
  source: InferSource,
  file: InferredFile,
  table: Table,
  options: AddOptions,
): Promise<number> {
  const pieces = isReady(file) ? source.open() : prepared(source, file, table.encoding);
  const input = {
    name: file.prepared.gunzip ? source.name.replace(/\.gz(?:ip)?$/i, '') : source.name,
    path: null,
    bytes: isReady(file) ? file.bytes : null,
    pieces: Readable.from(pieces, { objectMode: false }),
  };
  const started = await uploadFile(session, input, {
    table: table.name,
    mode: 'append',
    maxRejects: options.maxRejects,
  });
  if (started.existing) session.say(`${source.name}: the same file was loaded before, this is that load`);
  const load = await watchLoad(session, started);
  await showLoad(session, load);
  return exitCodeOf(load);
}
