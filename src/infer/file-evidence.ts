import { MAX_RECORD_BYTES } from '../csv/scan-contract.ts';
import type { Evidence } from './contract.ts';
import type { GuessedEncoding } from './guess-encoding.ts';
import type { Beginning } from './read-beginning.ts';
import type { FileScan, NotedRows } from './scan-table.ts';
import { counted, lines, linesOf, nameOfCharacter, shown } from './show.ts';

/** An encoding that was found, and what of the file is not in it. */
export interface FoundEncoding extends GuessedEncoding {
  readonly exceptions: NotedRows | null;
}

export function encodingEvidence({ form }: Beginning, scan: FileScan, found: FoundEncoding): Evidence {
  const { recode } = form.preparation;
  const beyond = scan.utf8.rows + scan.foreign.rows;
  const reasons = [
    form.marked ? 'the byte-order mark says so' : undefined,
    recode !== null ? 'recoded to UTF-8 for the load' : undefined,
    beyond === 0 && recode === null ? 'all of it is ASCII' : undefined,
    found.note,
  ].filter((reason) => reason !== undefined);
  return {
    choice: recode ?? found.encoding,
    rows: scan.rows,
    exceptions: found.exceptions?.rows ?? 0,
    examples: lines(found.exceptions?.lines ?? []),
    ...(reasons.length > 0 ? { note: reasons.join('; ') } : {}),
  };
}

export function delimiterEvidence({ dialect, guessed, width }: Beginning, scan: FileScan): Evidence {
  const others = scan.otherWidth;
  const close = guessed.close.map(nameOfCharacter).join(', ');
  const notes = [
    width === 1 ? 'one column' : `${width} columns`,
    others.rows > 0
      ? `${counted(others.rows, 'row')} ${others.rows === 1 ? 'has' : 'have'} more or fewer cells`
      : undefined,
    dialect.skipInitialSpace ? 'spaces behind it are skipped' : undefined,
    dialect.commentChar !== null ? `lines that begin with ${dialect.commentChar} are comments` : undefined,
    close === '' ? undefined : `${close} was considered as well`,
  ].filter((note) => note !== undefined);
  return {
    choice: dialect.delimiter,
    rows: scan.rows,
    exceptions: others.rows,
    examples: others.lines.map(
      (line, at) => `line ${line}: ${shown(scan.widthExamples[at]?.bytes.toString() ?? '')}`,
    ),
    note: notes.join('; '),
  };
}

export function quoteEvidence({ dialect, guessed }: Beginning, scan: FileScan): Evidence {
  const { quoteChar, escapeChar } = dialect;
  const { reading } = guessed;
  const how = escapeChar !== null ? `escaped by ${escapeChar}` : 'doubled within';
  return {
    choice: quoteChar === null ? 'none' : `${quoteChar} (${how})`,
    rows: scan.rows,
    exceptions: scan.strays.rows,
    examples: lines(scan.strays.lines),
    ...(reading.quoted === 0 && quoteChar !== null ? { note: 'no cell of the beginning is quoted' } : {}),
  };
}

export function headerEvidence({ header, headings }: Beginning, scan: FileScan): Evidence {
  const again = scan.headerAgain;
  return {
    choice: header.header ? 'the first line' : 'none',
    rows: scan.rows,
    exceptions: again.rows,
    examples: again.rows > 0 ? lines(again.lines) : (headings ?? []).slice(0, 3).map(shown),
    ...(header.note === undefined ? {} : { note: header.note }),
  };
}

export function lineEndEvidence({ lineEnds, rows, trailingBlanks }: FileScan): Evidence {
  const kinds = [
    ['LF', lineEnds.lf],
    ['CRLF', lineEnds.crlf],
    ['CR', lineEnds.cr],
  ] as const;
  const found = kinds.filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
  const notes = [
    found.length > 1
      ? `mixed: ${found.map(([name, count]) => `${count} ${name}`).join(', ')}; each ends a record`
      : undefined,
    trailingBlanks > 0
      ? `${counted(trailingBlanks, 'blank line')} at the end ${trailingBlanks === 1 ? 'does' : 'do'} not count`
      : undefined,
  ].filter((note) => note !== undefined);
  return {
    choice: found[0]?.[0] ?? 'none',
    rows,
    exceptions: found.slice(1).reduce((sum, [, count]) => sum + count, 0),
    examples: [],
    ...(notes.length > 0 ? { note: notes.join('; ') } : {}),
  };
}

/** What the reader of a summary has to know, besides the evidence. */
export function fileWarnings(
  name: string,
  { skip, width, guessed, headings }: Beginning,
  scan: FileScan,
): string[] {
  const say = (text: string | undefined) => (text === undefined ? [] : [`${name}: ${text}`]);
  const usual = guessed.reading.width;
  return [
    ...say(
      skip.lines > 0
        ? `${skip.lines === 1 ? 'the first line is' : `the first ${skip.lines} lines are`} no part of the table, and ${skip.lines === 1 ? 'has' : 'have'} to go before a load takes it (\`longshore add\` leaves them out)`
        : undefined,
    ),
    ...say(
      headings !== null && usual !== width && scan.otherWidth.rows > 0
        ? `the header has ${width} names, and most rows have ${usual} cells: they become rejects`
        : undefined,
    ),
    ...say(
      usual === width
        ? noted(scan.otherWidth, ['has', 'have'], `another number of cells than ${width}`)
        : undefined,
    ),
    ...say(noted(scan.strays, ['has', 'have'], 'a quote that is never closed')),
    ...say(noted(scan.oversize, ['is', 'are'], `longer than ${MAX_RECORD_BYTES / 1024 / 1024} MiB`)),
    ...say(noted(scan.headerAgain, ['is', 'are'], 'the header once more', null)),
    ...say(noted(scan.blanks, ['in between is', 'in between are'], 'blank')),
    ...say(
      scan.rows === 0
        ? 'there are no rows, so that nothing says what the columns hold: all are texts'
        : undefined,
    ),
  ];
}

function noted(
  found: NotedRows,
  verbs: readonly [one: string, many: string],
  what: string,
  effect: readonly [one: string, many: string] | null = ['becomes a reject', 'become rejects'],
): string | undefined {
  if (found.rows === 0) return undefined;
  const form = found.rows === 1 ? 0 : 1;
  const then = effect === null ? '' : `, and ${effect[form]}`;
  return `${counted(found.rows, 'row')} ${verbs[form]} ${what}${then} (${linesOf(found)})`;
}
