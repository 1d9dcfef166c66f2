import { createInterface } from 'node:readline/promises';
import { Readable } from 'node:stream';
import { Place } from '../dictionary/faults.ts';
import { orderTables } from '../dictionary/order-tables.ts';
import { parseTable } from '../dictionary/parse-table.ts';
import { unpackedName } from '../file-endings.ts';
import type { Inferred, InferredFile, InferSource } from '../infer/infer.ts';
import { isReady, prepared } from '../infer/prepare.ts';
import type { Table } from '../types.ts';
import { type Exchanged, type Problem, readObject, UnreachableError } from './api-client.ts';
import type { CommandContext } from './context.ts';
import { CliError, EXIT } from './exit-codes.ts';
import { formatCount } from './format.ts';
import { openInferInputs } from './infer-inputs.ts';
import type { InferCommandOptions } from './infer-options.ts';
import { inferWithProgress } from './infer-with-progress.ts';
import { platformTables } from './platform-tables.ts';
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
  // Also for a platform that is away, or refuses the key: that is told before the files are read.
  const platform = await platformTables(session);
  await using inputs = await openInferInputs(files, context);
  const progress = await session.progress('read');
  const inferred = await inferWithProgress(inputs, options, progress, session.signal, platform);
  session.print(inferred, () => `${describeInferred(inferred)}\n`);
  const rows = inferred.files.reduce((sum, file) => sum + file.rows, 0);
  const names = inferred.descriptor.resources.map(({ name }) => String(name));
  const there = await tablesThere(session, names);
  const what = there.size === names.length ? `Load into ${names.join(', ')}` : `Create ${names.join(', ')}`;
  if (
    asks &&
    !(await isAgreed(
      `${what}, and load ${formatCount(rows)} row${rows === 1 ? '' : 's'}?`,
      context,
      session.signal,
    ))
  ) {
    session.say('nothing was created, nothing was sent');
    return EXIT.failed;
  }
  try {
    const made = await createTables(session, inferred, there);
    return await loadFiles(session, inferred, inputs.sources, made, options);
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    const goOn = 'The same command again goes on from here: what is done is not done twice';
    throw new CliError(error.exitCode, `${error.message}\n  ${goOn}`, { cause: error });
  }
}

function isTerminal({ stdin }: CommandContext): boolean {
  return 'isTTY' in stdin && stdin.isTTY === true;
}

/** Each is asked for by its name: a list may not have what came by another process a moment ago. */
async function tablesThere(session: Session, names: readonly string[]): Promise<ReadonlySet<string>> {
  const there = new Set<string>();
  for (const name of names) {
    const { status, text } = await session.api.exchange(`/v1/tables/${encodeURIComponent(name)}`, {
      signal: session.signal,
    });
    if (status === 200) there.add(name);
    else if (status !== 404) throw session.api.refusal(status, text);
  }
  return there;
}

async function isAgreed(question: string, context: CommandContext, signal: AbortSignal): Promise<boolean> {
  const lines = createInterface({ input: context.stdin, output: context.stderr });
  // Ctrl-D ends the input without an answer.
  const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  try {
    const answer = await Promise.race([lines.question(`${question} [y/N] `, { signal }), closed]);
    return /^(?:y|yes)$/i.test(answer.trim());
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw new CliError(EXIT.interrupted, 'interrupted: nothing was created, nothing was sent');
  } finally {
    lines.close();
  }
}

/**
 * @param before the tables that were there when somebody agreed: into another one nothing is loaded unasked
 * @returns the names of those that were made
 */
async function createTables(
  session: Session,
  { descriptor }: Inferred,
  before: ReadonlySet<string>,
): Promise<readonly string[]> {
  const names = descriptor.resources.map(({ name }) => String(name));
  const { status, text } = await sendTables(session, descriptor);
  if (status !== 200 && status !== 201) throw await refusalOf(session, names, status, text);
  const added = readObject<{ readonly added: readonly string[] }>(text).added ?? [];
  for (const name of names) {
    if (added.includes(name)) session.say(`the table ${name} was created`);
    else if (before.has(name)) session.say(`the table ${name} is there already, with the same definition`);
  }
  const foreign = names.filter((name) => !added.includes(name) && !before.has(name));
  if (foreign.length === 0) return added;
  throw new CliError(
    EXIT.failed,
    `somebody else has created ${listed(foreign)} in the meantime, with the same definition: nothing was loaded\n` +
      '  The same command again loads into what is there now; --table gives a file a table of its own',
  );
}

/** Once more where the connection was lost: reading files took so long that the platform has closed it. */
async function sendTables(session: Session, descriptor: object): Promise<Exchanged> {
  const send = () =>
    session.api.exchange('/v1/tables', {
      method: 'POST',
      signal: session.signal,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(descriptor),
    });
  try {
    return await send();
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    return await send();
  }
}

async function refusalOf(
  session: Session,
  names: readonly string[],
  status: number,
  text: string,
): Promise<CliError> {
  const refusal = session.api.refusal(status, text);
  if (readObject<Problem>(text).code !== 'table-exists') return refusal;
  const there = await tablesThere(session, names);
  const advice = names.map((name, index) => {
    const rename =
      index === 0
        ? '--table gives this one another name'
        : `its file, added alone with --table, gets another one`;
    return there.has(name)
      ? `the table ${name} is there with another definition: ${rename}, and "longshore load FILE --table ${name}" loads into the one that is there`
      : null;
  });
  const told = advice.filter((line) => line !== null);
  if (told.length === 0) told.push('--table gives the table another name');
  return new CliError(refusal.exitCode, [refusal.message, ...told].join('\n  '), { cause: refusal });
}

function listed(names: readonly string[]): string {
  return `the table${names.length > 1 ? 's' : ''} ${names.join(', ')}`;
}

/** Tables that others refer to first. Stops at the first load that fails. */
async function loadFiles(
  session: Session,
  inferred: Inferred,
  sources: readonly InferSource[],
  made: readonly string[],
  options: AddOptions,
): Promise<number> {
  const place = new Place();
  const order = orderTables(
    inferred.descriptor.resources.map((resource, index) => parseTable(resource, place.at(index))),
    place,
  );
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
      if (code !== EXIT.failed) continue;
      if (made.includes(table.name)) {
        session.say(`the table ${table.name} stays: "longshore table remove ${table.name}" removes it`);
      }
      return code;
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
    name: isReady(file) ? source.name : unpackedName(source.name),
    path: null,
    bytes: isReady(file) ? (source.bytes ?? file.bytes) : null,
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
