import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';
import { type RejectPages, type RejectsCsv, rejectsCsvLines } from '../../src/rejects/rejects-csv.ts';
import type { ApiDeps } from './deps.ts';

/** Answers with all rejects after `after`, or the first `limit` of them, as a file. */
export async function sendRejectsCsv(
  res: Response,
  csv: RejectsCsv,
  pages: RejectPages,
  { name, after, limit }: { readonly name: string; readonly after: number; readonly limit?: number },
): Promise<void> {
  res.type('text/csv').attachment(name);
  await pipeline(Readable.from(rejectsCsvLines(csv, pages, after, limit)), res);
}

export function delimiterOf({ dictionary }: ApiDeps, table: string): string {
  return dictionary.now().tables.find(({ name }) => name === table)?.dialect.delimiter ?? ',';
}
