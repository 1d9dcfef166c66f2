import type { Evidence, Inferred, InferredField, InferredFile } from '../infer/infer.ts';
import { formatBytes, formatCount, formatTable, plain } from './format.ts';

/** Rows and columns of a preview that a terminal shows, and how wide a cell is. */
const PREVIEW_ROWS = 5;
const PREVIEW_COLUMNS = 8;
const CELL_WIDTH = 24;

/** What was found, with the reason beside each choice. */
export function describeInferred({ files, warnings }: Inferred): string {
  const parts: string[] = [];
  let table = '';
  for (const file of files) {
    parts.push(describeFile(file));
    if (file.table === table) continue;
    table = file.table;
    parts.push(describeFields(file), describePreview(file));
  }
  if (warnings.length > 0)
    parts.push(['Note:', ...warnings.map((warning) => `  - ${plain(warning)}`)].join('\n'));
  return parts.join('\n\n');
}

function describeFile(file: InferredFile): string {
  const { compression, rows, badRows } = file;
  const facts: [string, string][] = [
    ['table', file.table],
    [
      'rows',
      `${formatCount(rows)} in ${formatBytes(file.bytes)}${compression === null ? '' : `, packed by ${compression}`}`,
    ],
    ...(badRows > 0 ? [['rejects', `${formatCount(badRows)} for their form`] as [string, string]] : []),
    ['encoding', withNote(file.encoding)],
    ['delimiter', withNote({ ...file.delimiter, choice: nameOf(file.delimiter.choice) })],
    ['quote', withNote(file.quote)],
    ['header', withNote(file.header)],
    ['line ends', withNote(file.lineEnd)],
    ['key', withNote(file.primaryKey)],
    ...file.references.map((reference): [string, string] => ['reference', withNote(reference)]),
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  return [plain(file.name), ...facts.map(([name, fact]) => `  ${name.padEnd(width)}  ${plain(fact)}`)].join(
    '\n',
  );
}

function withNote({ choice, note }: Evidence): string {
  return note === undefined ? choice : `${choice} (${note})`;
}

function nameOf(delimiter: string): string {
  return delimiter === '\t' ? 'tab' : delimiter === ' ' ? 'space' : delimiter;
}

function describeFields({ fields }: InferredFile): string {
  const rows = fields.map((field) => [
    plain(field.name),
    plain(field.evidence[0]?.choice ?? ''),
    plain(rulesOf(field)),
    formatCount(field.evidence[0]?.rows ?? 0),
    formatCount(field.evidence[0]?.exceptions ?? 0),
    plain((field.evidence[0]?.examples ?? []).join(', ')),
  ]);
  const table = formatTable(['field', 'type', 'rules', 'values', 'not so', 'examples'], rows);
  const notes = fields.flatMap(({ name, evidence }) =>
    evidence[0]?.note === undefined ? [] : [`  ${plain(name)}: ${plain(evidence[0].note)}`],
  );
  return [indented(table), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}

function rulesOf({ evidence }: InferredField): string {
  return evidence
    .slice(1)
    .filter(({ choice }) => choice !== 'optional')
    .map(({ choice }) => choice)
    .join('; ');
}

function describePreview({ fields, preview }: InferredFile): string {
  if (preview.rows.length === 0) return '  no row to preview';
  const shown = fields.slice(0, PREVIEW_COLUMNS);
  const rows = preview.rows
    .slice(0, PREVIEW_ROWS)
    .map((row) => shown.map((_, at) => cellOf(row[at] ?? null)));
  const more = fields.length - shown.length;
  return [
    `  The first rows, as they would be cast${more > 0 ? ` (and ${more} more column${more > 1 ? 's' : ''})` : ''}:`,
    indented(
      formatTable(
        shown.map(({ name }) => cellOf(name)),
        rows,
      ),
    ),
  ].join('\n');
}

function cellOf(value: string | null): string {
  const text = value === null ? 'null' : plain(value);
  return text.length > CELL_WIDTH ? `${text.slice(0, CELL_WIDTH - 1)}…` : text;
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}
