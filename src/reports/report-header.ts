import type { ReportFault } from './report-faults.ts';

/** The words of a report's header. */
export const HEADER_WORDS = [
  'title',
  'description',
  'parameter',
  'tables',
  'key',
  'hidden',
  'order',
  'refresh',
  'chart',
] as const;
export type HeaderWord = (typeof HEADER_WORDS)[number];

const REQUIRED: readonly HeaderWord[] = ['title', 'tables', 'key'];
const REPEATED: readonly HeaderWord[] = ['parameter'];

export interface HeaderLine {
  readonly word: HeaderWord;
  readonly value: string;
  /** From 1. */
  readonly line: number;
}

export interface ReportHeader {
  readonly lines: readonly HeaderLine[];
  /** Lines of the file that the header takes up. */
  readonly length: number;
  readonly faults: readonly ReportFault[];
}

const COMMENT = /^\s*--(.*)$/;
const ENTRY = /^([A-Za-z][\w-]*)\s*:(.*)$/;

/** Reads `-- word: value` lines up to the first line that is no comment. Collects faults; throws nothing. Pure. */
export function readHeader(text: string): ReportHeader {
  const lines: HeaderLine[] = [];
  const faults: ReportFault[] = [];
  let length = 0;
  for (const row of text.split('\n')) {
    const comment = COMMENT.exec(row.trimEnd());
    if (comment === null && row.trim() !== '') break;
    length++;
    if (comment === null || comment[1]!.trim() === '') continue;
    const entry = readEntry(comment[1]!, length, lines);
    if ('word' in entry) lines.push(entry);
    else faults.push(entry);
  }
  for (const word of REQUIRED) {
    if (!lines.some((entry) => entry.word === word)) {
      faults.push({ line: null, detail: `the header has no line "-- ${word}: …"` });
    }
  }
  return { lines, length, faults };
}

function readEntry(comment: string, line: number, before: readonly HeaderLine[]): HeaderLine | ReportFault {
  const [, name = '', written = ''] = ENTRY.exec(comment.trim()) ?? [];
  const value = written.trim();
  const allowed = HEADER_WORDS.join(', ');
  if (name === '') return { line, detail: `expected "-- word: value", where word is one of ${allowed}` };
  const word = HEADER_WORDS.find((one) => one === name);
  if (word === undefined) return { line, detail: `unknown word "${name}": expected one of ${allowed}` };
  if (value === '') return { line, detail: `"${word}" has no value` };
  if (!REPEATED.includes(word) && before.some((entry) => entry.word === word)) {
    return { line, detail: `"${word}" is there twice` };
  }
  return { word, value, line };
}
