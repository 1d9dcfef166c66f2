import { isUtf8 } from 'node:buffer';
import { LongshoreError } from '../errors.ts';
import type { InferOptions } from './contract.ts';
import type { SlotBudget } from './distinct-keys.ts';
import type { FoundEncoding } from './file-evidence.ts';
import { guessSingleByte } from './guess-encoding.ts';
import { tableNameOf, withNumber } from './names.ts';
import { openText, type TextOptions } from './open-text.ts';
import type { Beginning } from './read-beginning.ts';
import { type FileScan, TableScan, type TakeRow } from './scan-table.ts';
import { counted } from './show.ts';

export interface ScannedFile {
  readonly beginning: Beginning;
  readonly scan: FileScan;
  readonly encoding: FoundEncoding;
  /** As they are in the file. */
  readonly bytes: number;
}

/** The files of one table, and what they hold. */
export interface ScannedTable {
  readonly name: string;
  readonly files: readonly ScannedFile[];
  readonly scan: TableScan;
}

export function textOptions(options: InferOptions, read?: (bytes: number) => void): TextOptions {
  return { signal: options.signal, read };
}

/** Files with the same header and dialect are one table. */
export function groupsOf(beginnings: readonly Beginning[]): Beginning[][] {
  const groups = new Map<string, Beginning[]>();
  for (const [index, beginning] of beginnings.entries()) {
    const { headings, dialect } = beginning;
    const key =
      headings === null ? String(index) : JSON.stringify([headings.map((one) => one.trim()), dialect]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [beginning]);
    else group.push(beginning);
  }
  return [...groups.values()];
}

export function nameOf(
  group: readonly Beginning[],
  before: readonly ScannedTable[],
  { overrides }: InferOptions,
): string {
  if (overrides?.table !== undefined && before.length === 0) return overrides.table;
  const names = group.map(({ source }) => tableNameOf(source.name));
  const common = names.length === 1 ? names[0]! : commonStart(names);
  return withNumber(common, (name) => before.some((table) => table.name === name));
}

/** `orders_2025` and `orders_2026` are `orders`. */
function commonStart(names: readonly string[]): string {
  let start = names[0]!;
  for (const name of names) {
    let length = 0;
    while (length < start.length && start[length] === name[length]) length++;
    start = start.slice(0, length);
  }
  const whole = names.every((name) => name.length === start.length || name[start.length] === '_');
  const cut = whole ? start : start.slice(0, Math.max(start.lastIndexOf('_'), 0));
  const bare = cut.endsWith('_') ? cut.slice(0, -1) : cut;
  return bare === '' ? names[0]! : bare;
}

/** Files that are one table, and what may be taken for them. */
export interface GroupToScan {
  readonly group: readonly Beginning[];
  readonly name: string;
  readonly budget: SlotBudget;
  /** What the files that are still to be scanned may have; the scan takes its own from it. */
  readonly allowed: { bytes: number };
}

export async function scanGroup(
  { group, name, budget, allowed }: GroupToScan,
  options: InferOptions,
  progress: (bytes: number) => void,
): Promise<ScannedTable> {
  const first = group[0]!;
  const scan = new TableScan(
    { dialect: first.dialect, width: first.width, header: first.headerBytes },
    budget,
  );
  const files: ScannedFile[] = [];
  for (const beginning of group) {
    let bytes = 0;
    const { pieces } = await openText(beginning.source, {
      ...textOptions(options, (more) => {
        bytes += more;
        progress(more);
      }),
      encoding: beginning.encoding,
    });
    const found = await scan.add(bounded(pieces, options, allowed), beginning.skip);
    files.push({ beginning, scan: found, encoding: encodingOf(beginning, found), bytes });
  }
  scan.end();
  return { name, files, scan };
}

async function* bounded(
  pieces: AsyncIterable<Buffer>,
  { maxBytes }: InferOptions,
  allowed: { bytes: number },
): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    allowed.bytes -= piece.length;
    if (allowed.bytes < 0) {
      throw new LongshoreError('body-too-large', `unpacked there are more than ${maxBytes} bytes`);
    }
    yield piece;
  }
}

/** UTF-8 unless the rows say something else; of a file in two encodings, the one of most of its rows. */
function encodingOf({ form, encoding, headerBytes }: Beginning, scan: FileScan): FoundEncoding {
  if (form.preparation.recode !== null) {
    return { encoding: 'utf-8', exceptions: scan.foreign.rows > 0 ? scan.foreign : null };
  }
  if (encoding !== undefined)
    return { encoding: new TextDecoder(encoding).encoding, exceptions: null, note: 'as it was asked for' };
  const { utf8, foreign } = scan;
  const header = headerBytes !== null && !isUtf8(headerBytes) ? [headerBytes] : [];
  if (foreign.rows === 0 && header.length === 0) return { encoding: 'utf-8', exceptions: null };
  const guessed = guessSingleByte(Buffer.concat([...header, ...scan.foreignBytes]));
  if (utf8.rows === 0 && !form.marked) return { ...guessed, exceptions: null };
  if (form.marked || utf8.rows >= foreign.rows) {
    return {
      encoding: 'utf-8',
      exceptions: foreign,
      note: `${counted(foreign.rows, 'row')} ${foreign.rows === 1 ? 'is' : 'are'} in another encoding, such as ${guessed.encoding}`,
    };
  }
  return {
    encoding: guessed.encoding,
    exceptions: utf8,
    note: `${counted(utf8.rows, 'row')} ${utf8.rows === 1 ? 'is' : 'are'} in UTF-8`,
  };
}

/** Reads the rows of a table once more, until no more are needed. */
export async function readAgain(
  { files, scan }: ScannedTable,
  options: InferOptions,
  take: TakeRow,
  isDone: () => boolean | Promise<boolean> = () => false,
): Promise<void> {
  for (const { beginning } of files) {
    if (await isDone()) return;
    const { source, encoding, skip } = beginning;
    const { pieces } = await openText(source, { ...textOptions(options), encoding });
    await scan.again(pieces, skip, take, isDone);
  }
}
