import { isUtf8 } from 'node:buffer';
import { headerNames } from '../dictionary/match-header.ts';
import { parseDictionary } from '../dictionary/parse-dictionary.ts';
import { LongshoreError } from '../errors.ts';
import { compileTable } from '../rows/compile-table.ts';
import type { Table } from '../types.ts';
import type { InferOptions, Inferred, InferredFile, InferSource } from './contract.ts';
import { type ColumnOfTable, type DescribedTable, describeDialect, describeTable } from './describe-table.ts';
import { type SlotBudget, slotBudget } from './distinct-keys.ts';
import {
  delimiterEvidence,
  encodingEvidence,
  type FoundEncoding,
  fileWarnings,
  headerEvidence,
  lineEndEvidence,
  quoteEvidence,
} from './file-evidence.ts';
import { guessSingleByte } from './guess-encoding.ts';
import { fieldNames, tableNameOf, withNumber } from './names.ts';
import { openText, type TextOptions } from './open-text.ts';
import { previewOf } from './preview.ts';
import { type Beginning, readBeginning } from './read-beginning.ts';
import { type FileScan, TableScan } from './scan-table.ts';

export type * from './contract.ts';

interface ScannedFile {
  readonly beginning: Beginning;
  readonly scan: FileScan;
  readonly encoding: FoundEncoding;
  /** As they are in the file. */
  readonly bytes: number;
}

/** The files of one table, and what they hold. */
interface ScannedTable {
  readonly name: string;
  readonly files: readonly ScannedFile[];
  readonly scan: TableScan;
}

/**
 * Finds the tables that CSV files are, from every row of them: encoding, dialect, header, types, rules, keys and
 * references, each with its evidence. Files are read twice, their beginning and all of it; memory stays bounded.
 *
 * @throws LongshoreError `file-not-csv` when a file is no text or has too many columns; `file-empty`;
 *   `body-too-large` when one has more than `maxBytes`
 */
export async function infer(sources: readonly InferSource[], options: InferOptions = {}): Promise<Inferred> {
  const overrides = options.overrides ?? {};
  if (sources.length === 0) throw new LongshoreError('file-missing', 'no file was given');
  const beginnings: Beginning[] = [];
  for (const source of sources) {
    beginnings.push(await readBeginning(source, overrides, textOptions(options)));
  }
  const warnings: string[] = [];
  const budget = slotBudget();
  const tables: ScannedTable[] = [];
  let read = 0;
  for (const group of groupsOf(beginnings)) {
    tables.push(
      await scanGroup(group, budget, nameOf(group, tables, options), options, (bytes) => {
        read += bytes;
        options.progress?.(read);
      }),
    );
  }
  const resources: Record<string, unknown>[] = [];
  const files: InferredFile[] = [];
  for (const table of tables) {
    const described = describe(table, options);
    resources.push(described.resource);
    files.push(...described.files);
    warnings.push(...described.warnings);
  }
  for (const { name } of options.tables ?? []) {
    if (tables.some((table) => table.name === name))
      warnings.push(`there is a table ${name} already: --table gives this one another name`);
  }
  return { descriptor: { name: tables[0]!.name, resources }, files, warnings };
}

function textOptions(options: InferOptions, read?: (bytes: number) => void): TextOptions {
  return { maxBytes: options.maxBytes, signal: options.signal, read };
}

/** Files with the same header and dialect are one table. */
function groupsOf(beginnings: readonly Beginning[]): Beginning[][] {
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

function nameOf(
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

async function scanGroup(
  group: readonly Beginning[],
  budget: SlotBudget,
  name: string,
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
    const found = await scan.add(pieces, beginning.skip);
    files.push({ beginning, scan: found, encoding: encodingOf(beginning, found), bytes });
  }
  scan.end();
  return { name, files, scan };
}

/** UTF-8 unless the rows say something else; of a file in two encodings, the one of most of its rows. */
function encodingOf({ form, encoding, headerBytes }: Beginning, scan: FileScan): FoundEncoding {
  if (form.preparation.recode !== null) return { encoding: 'utf-8', exceptions: null };
  if (encoding !== undefined)
    return { encoding: new TextDecoder(encoding).encoding, exceptions: null, note: 'as it was asked for' };
  const { utf8, foreign } = scan;
  if (foreign.rows === 0 && (headerBytes === null || isUtf8(headerBytes)))
    return { encoding: 'utf-8', exceptions: null };
  const guessed = guessSingleByte(Buffer.concat(foreign.rows === 0 ? [headerBytes!] : scan.foreignBytes));
  if (utf8.rows === 0 && !form.marked) return { ...guessed, exceptions: null };
  if (form.marked || utf8.rows >= foreign.rows) {
    return {
      encoding: 'utf-8',
      exceptions: foreign,
      note: `${foreign.rows} rows are in another encoding, such as ${guessed.encoding}`,
    };
  }
  return { encoding: guessed.encoding, exceptions: utf8, note: `${utf8.rows} rows are in UTF-8` };
}

interface DescribedFiles {
  readonly resource: Record<string, unknown>;
  readonly files: readonly InferredFile[];
  readonly warnings: readonly string[];
}

function describe({ name, files, scan }: ScannedTable, options: InferOptions): DescribedFiles {
  const first = files[0]!;
  const { beginning } = first;
  const encoding = tableEncoding(files);
  const decode = decoderOf(encoding);
  const headings = beginning.headings?.map((text) => decode(Buffer.from(text, 'latin1'))) ?? null;
  const rows = files.reduce((sum, file) => sum + file.scan.rows, 0);
  const { columns, isWhole } = columnsOf(scan, headings);
  const described = describeTable(columns, {
    table: name,
    rows,
    rules: options.rules ?? 'usual',
    overrides: options.overrides ?? {},
    decode,
    utf8: encoding === 'utf-8',
    looksEuropean:
      beginning.dialect.delimiter === ';' ||
      files.some((file) => file.scan.utf8.rows + file.scan.foreign.rows > 0),
  });
  const resource = {
    name,
    encoding,
    dialect: describeDialect(beginning.dialect),
    schema: { ...(isWhole ? {} : { fieldsMatch: 'subset' }), ...described.schema },
  };
  const [table] = parseDictionary({ name, resources: [resource] }).tables;
  return {
    resource,
    files: files.map((file) => describeFile(file, table!, headings, described)),
    warnings: [
      ...files.flatMap((file) => fileWarnings(file.beginning.source.name, file.beginning, file.scan)),
      ...files.flatMap((file) => encodingWarnings(file, encoding)),
      ...(files.length > 1
        ? [
            `${files.map((file) => file.beginning.source.name).join(', ')} have the same header: they are one table, ${name}`,
          ]
        : []),
      ...described.warnings,
    ],
  };
}

/** A column without heading and without a value is left out: what a delimiter at the end of each line makes. */
function columnsOf(
  scan: TableScan,
  headings: readonly string[] | null,
): { readonly columns: readonly ColumnOfTable[]; readonly isWhole: boolean } {
  const places = scan.columns.map((column, index) => ({ column, heading: headings?.[index] ?? null }));
  const kept = places.filter(
    ({ column, heading }) => heading === null || heading.trim() !== '' || column.empty < column.rows,
  );
  const used = kept.length === 0 ? places : kept;
  const names = fieldNames(
    headings === null ? used.map((_, index) => `column_${index + 1}`) : used.map(({ heading }) => heading!),
  );
  return {
    columns: used.map((place, index) => ({ ...place, name: names[index]! })),
    isWhole: used.length === places.length,
  };
}

function describeFile(
  file: ScannedFile,
  table: Table,
  headings: readonly string[] | null,
  described: DescribedTable,
): InferredFile {
  const { beginning, scan, encoding, bytes } = file;
  const header =
    headings === null ? table.fields.map(({ name }) => name) : headerNames(table.fields, headings);
  const columns = table.fields.map(({ name }, index) => {
    const at = header.indexOf(name);
    return at === -1 ? index : at;
  });
  return {
    name: beginning.source.name,
    bytes,
    rows: scan.rows,
    badRows: scan.otherWidth.rows + scan.strays.rows + scan.blanks.rows + (encoding.exceptions?.rows ?? 0),
    compression: beginning.form.compression,
    encoding: encodingEvidence(beginning, scan, encoding),
    delimiter: delimiterEvidence(beginning, scan),
    quote: quoteEvidence(beginning, scan),
    header: headerEvidence(beginning, scan),
    lineEnd: lineEndEvidence(scan),
    skippedLines: beginning.skip.lines,
    prepared: { ...beginning.form.preparation, skipBytes: beginning.skip.bytes },
    table: table.name,
    primaryKey: described.keyEvidence,
    references: [],
    fields: described.fields,
    preview: previewOf(beginning.sample.bytes, compileTable(table), columns, beginning.width),
  };
}

/** That of the file with most rows beyond ASCII: the others may be read as it, or are told. */
function tableEncoding(files: readonly ScannedFile[]): string {
  const beyond = ({ scan }: ScannedFile) => scan.utf8.rows + scan.foreign.rows;
  const most = files.reduce((best, file) => (beyond(file) > beyond(best) ? file : best));
  return most.encoding.encoding;
}

function encodingWarnings({ beginning, encoding, scan }: ScannedFile, table: string): string[] {
  const { name } = beginning.source;
  const bad = encoding.exceptions;
  if (bad !== null) {
    return [
      `${name}: it is in two encodings: read as ${encoding.encoding}, ${bad.rows} rows are not in it (line ${bad.lines.join(', ')})`,
    ];
  }
  const beyond = scan.utf8.rows + scan.foreign.rows > 0;
  return beyond && encoding.encoding !== table
    ? [`${name}: it is in ${encoding.encoding}, and the table in ${table}`]
    : [];
}

function decoderOf(encoding: string): (bytes: Uint8Array) => string {
  const decoder = new TextDecoder(encoding, { ignoreBOM: true });
  return (bytes) => decoder.decode(bytes);
}
