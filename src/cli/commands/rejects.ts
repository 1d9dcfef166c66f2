import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { type Command, InvalidArgumentError } from 'commander';
import type { RejectsSummary } from '../../rejects/kept-rejects.ts';
import type { RejectsAnswer } from '../api-client.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import { formatCount, formatTable, plain } from '../format.ts';
import { type GlobalOptions, openSession, type Session } from '../session.ts';
import { rejectTable } from '../show-load.ts';
import { parseLoadId } from './status.ts';

interface RejectsOptions extends GlobalOptions {
  readonly csv?: boolean;
  readonly out?: string;
  readonly limit: number;
  readonly summary?: boolean;
  readonly delete?: boolean;
}

const LISTED = 50;

export function addRejectsCommand(program: Command): void {
  program
    .command('rejects')
    .description("show a load's rejected rows, and why")
    .argument('<id>', "the load's ID", parseLoadId)
    .option('--csv', 'all of them as CSV: the original cells, then _line, _field, _code and _message')
    .option('-o, --out <file>', 'write the CSV into this file')
    .option('--summary', 'how often which field broke which rule, those that are not kept included')
    .option('--delete', 'delete what is kept of them; the counts stay')
    .option('--limit <rows>', 'how many to show', parseLimit, LISTED)
    .action(async (id: number, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RejectsOptions>();
      const session = await openSession(options);
      if (options.summary === true || options.delete === true) await summarize(session, id, options);
      else if (options.csv === true || options.out !== undefined) await saveCsv(session, id, options);
      else await list(session, id, options.limit);
    });
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1000) return limit;
  throw new InvalidArgumentError('expected a number from 1 to 1000');
}

async function list(session: Session, id: number, limit: number): Promise<void> {
  const answer = await session.api.json<RejectsAnswer>(`/v1/loads/${id}/rejects?limit=${limit}`);
  const { rejects, next } = answer;
  session.print(answer, () => (rejects.length === 0 ? 'No rejects.' : rejectTable(rejects)));
  if (next !== null && !session.json) session.say(`there are more: longshore rejects ${id} --csv`);
  if (session.json) return;
  const { rejected, kept } = await session.api.json<RejectsSummary>(`/v1/loads/${id}/rejects/summary`);
  sayNotKept(session, id, rejected - kept);
}

async function summarize(session: Session, id: number, options: RejectsOptions): Promise<void> {
  const path = `/v1/loads/${id}/rejects`;
  const summary =
    options.delete === true
      ? await session.api.json<RejectsSummary>(path, { method: 'DELETE' })
      : await session.api.json<RejectsSummary>(`${path}/summary`);
  const { rejected, kept, errors } = summary;
  session.print(summary, () => {
    const head = `${formatCount(rejected)} rejected, ${formatCount(kept)} kept`;
    if (errors.length === 0) return head;
    const rows = errors.map(({ errors: n, field, code }) => [formatCount(n), plain(field ?? ''), code]);
    return `${head}\n${formatTable(['errors', 'field', 'code'], rows)}`;
  });
}

function sayNotKept(session: Session, id: number, more: number): void {
  if (more > 0) session.say(`${formatCount(more)} more are only counted: longshore rejects ${id} --summary`);
}

async function saveCsv(session: Session, id: number, { out, context }: RejectsOptions): Promise<void> {
  const answer = await session.api.send(`/v1/loads/${id}/rejects?format=csv`, { signal: session.signal });
  sayNotKept(session, id, Number(answer.headers.get('longshore-rejects-not-kept') ?? 0));
  const csv = Readable.fromWeb(answer.body as ReadableStream);
  if (out === undefined) {
    await pipeline(csv, session.stdout, { end: false });
    return;
  }
  const file = context.resolve(out);
  const part = `${file}.part`;
  try {
    await pipeline(csv, createWriteStream(part));
    // Only a whole file gets the name: half the rejects would look like all of them.
    await rename(part, file);
  } catch (cause) {
    await rm(part, { force: true });
    throw new CliError(EXIT.failed, `${out} could not be written: ${(cause as Error).message}`, { cause });
  }
  session.say(`wrote ${out}`);
}
