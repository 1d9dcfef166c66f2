import { isUtf8 } from 'node:buffer';
import { parseDictionary } from '../dictionary/parse-dictionary.ts';
import { compileTable } from '../rows/compile-table.ts';
import type { FieldsMatch, Table } from '../types.ts';
import type { ChosenKey } from './choose-keys.ts';
import type { Evidence, InferOptions, InferredFile } from './contract.ts';
import { type ColumnOfTable, type DescribedTable, describeDialect, describeTable } from './describe-table.ts';
import {
  delimiterEvidence,
  encodingEvidence,
  fileWarnings,
  headerEvidence,
  lineEndEvidence,
  quoteEvidence,
} from './file-evidence.ts';
import { canNameTable, fieldNames } from './names.ts';
import { isWide } from './open-text.ts';
import { previewOf } from './preview.ts';
import type { Beginning } from './read-beginning.ts';
import type { ScannedFile, ScannedTable } from './scan-files.ts';
import type { TableScan } from './scan-table.ts';
import { counted, linesOf } from './show.ts';

/** What a table is called whose file can not name it. */
const UNNAMED = /^table(?:_\d+)?$/;

/** A table's columns with their types and keys, before references are looked for. */
export interface Described {
  readonly scanned: ScannedTable;
  readonly encoding: string;
  readonly decode: (bytes: Uint8Array) => string;
  /** As they are in the file; null: it has no header. */
  readonly headings: readonly string[] | null;
  readonly columns: readonly ColumnOfTable[];
  /** Of each field, the place of its cell in a record. */
  readonly places: readonly number[];
  readonly rows: number;
  readonly table: DescribedTable;
}

export interface Reference {
  readonly fields: readonly string[];
  readonly reference: { readonly resource: string; readonly fields: readonly string[] };
}

/** @param key found by a further look at the rows; otherwise it is chosen from what the columns hold */
export function describeScanned(scanned: ScannedTable, options: InferOptions, key?: ChosenKey): Described {
  const { name, files, scan } = scanned;
  const { beginning } = files[0]!;
  const encoding = tableEncoding(files);
  const decode = decoderOf(encoding, files);
  const headings = beginning.headings?.map((text) => decode(Buffer.from(text, 'latin1'))) ?? null;
  const rows = files.reduce((sum, file) => sum + file.scan.rows, 0);
  const columns = columnsOf(scan, headings);
  const table = describeTable(columns, {
    table: name,
    rows,
    rules: options.rules ?? 'usual',
    overrides: options.overrides ?? {},
    ...(key === undefined ? {} : { key }),
    decode,
    utf8: encoding === 'utf-8',
    mixed: files.some((file) => recodeFrom(file, encoding) === file.encoding.encoding),
    looksEuropean:
      beginning.dialect.delimiter === ';' ||
      files.some((file) => file.scan.utf8.rows + file.scan.foreign.rows > 0),
  });
  return {
    scanned,
    encoding,
    decode,
    headings,
    columns,
    places: columns.map(({ column }) => scan.columns.indexOf(column)),
    rows,
    table,
  };
}

export interface DescribedFiles {
  readonly resource: Record<string, unknown>;
  readonly files: readonly InferredFile[];
  readonly warnings: readonly string[];
}

/** The resource of a table, and what is said of its files. */
export function describeFiles(
  described: Described,
  references: { readonly keys: readonly Reference[]; readonly evidence: readonly Evidence[] },
): DescribedFiles {
  const { scanned, encoding, places, table } = described;
  const { name, files } = scanned;
  const resource = {
    name,
    encoding,
    dialect: describeDialect(files[0]!.beginning.dialect),
    schema: { ...fieldsMatchOf(described), ...table.schema },
  };
  const [parsed] = parseDictionary({ name, resources: [resource] }).tables;
  return {
    resource:
      references.keys.length === 0
        ? resource
        : { ...resource, schema: { ...resource.schema, foreignKeys: references.keys } },
    files: files.map((file) => describeFile(file, parsed!, places, table, references.evidence)),
    warnings: [
      ...files.flatMap((file) => fileWarnings(file.beginning.source.name, file.beginning, file.scan)),
      ...files.flatMap((file) => encodingWarnings(file, encoding)),
      ...(files.length > 1
        ? [
            `${files.map((file) => file.beginning.source.name).join(', ')} have the same header: they are one table, ${name}`,
          ]
        : []),
      ...(UNNAMED.test(name) && files.some((file) => !canNameTable(file.beginning.source.name))
        ? [
            `the file's name has no letter that a table's name can have: the table is called ${name}, and --table gives it another name`,
          ]
        : []),
      ...table.warnings,
    ],
  };
}

/** By name, as the next file may have its columns in another order; a column that is left out may come again. */
function fieldsMatchOf({ headings, columns, scanned }: Described): { readonly fieldsMatch?: FieldsMatch } {
  if (headings === null) return {};
  return { fieldsMatch: columns.length < scanned.scan.columns.length ? 'subset' : 'equal' };
}

/** A column without heading and without a value is left out: what a delimiter at the end of each line makes. */
function columnsOf(scan: TableScan, headings: readonly string[] | null): ColumnOfTable[] {
  const places = scan.columns.map((column, index) => ({ column, heading: headings?.[index] ?? null }));
  const kept = places.filter(
    ({ column, heading }) => heading === null || heading.trim() !== '' || column.empty < column.rows,
  );
  const used = kept.length === 0 ? places : kept;
  const names = fieldNames(
    headings === null ? used.map((_, index) => `column_${index + 1}`) : used.map(({ heading }) => heading!),
  );
  return used.map((place, index) => ({ ...place, name: names[index]! }));
}

function describeFile(
  file: ScannedFile,
  table: Table,
  columns: readonly number[],
  described: DescribedTable,
  references: readonly Evidence[],
): InferredFile {
  const { beginning, scan, encoding, bytes } = file;
  const recode = recodeFrom(file, table.encoding);
  const read = recode === null || isWide(recode) ? table : { ...table, encoding: recode };
  return {
    name: beginning.source.name,
    bytes,
    rows: scan.rows,
    badRows:
      scan.otherWidth.rows +
      scan.strays.rows +
      scan.oversize.rows +
      scan.blanks.rows +
      (encoding.exceptions?.rows ?? 0),
    compression: beginning.form.compression,
    encoding: encodingEvidence(beginning, scan, encoding),
    delimiter: delimiterEvidence(beginning, scan),
    quote: quoteEvidence(beginning, scan),
    header: headerEvidence(beginning, scan),
    lineEnd: lineEndEvidence(scan),
    skippedLines: beginning.skip.lines,
    prepared: {
      ...beginning.form.preparation,
      ...startOf(beginning, columns, described),
      recode,
    },
    table: table.name,
    primaryKey: described.keyEvidence,
    references,
    fields: described.fields,
    preview: previewOf(beginning.sample.bytes, compileTable(read), columns, beginning.width),
  };
}

/** A header that can not name the fields, as where a name is there twice, is replaced. */
function startOf(
  { skip, headerEnd, headings, dialect }: Beginning,
  columns: readonly number[],
  { fields, headerFits }: DescribedTable,
): { readonly skipBytes: number; readonly header: string | null } {
  const blanks = (headings ?? []).filter((heading) => heading.trim() === '').length;
  if (headings === null || (headerFits && blanks < 2)) return { skipBytes: skip.bytes, header: null };
  const names = headings.map((_, place) => {
    const at = columns.indexOf(place);
    return at === -1 ? `column_${place + 1}` : fields[at]!.name;
  });
  const quote = dialect.quoteChar;
  const cells = names.map((name) =>
    quote === null ? name : quote + name.replaceAll(quote, (dialect.escapeChar ?? quote) + quote) + quote,
  );
  return { skipBytes: skip.bytes + headerEnd, header: `${cells.join(dialect.delimiter)}\n` };
}

/** That of all files with more than ASCII; where they are in several, UTF-8, to which the others are recoded. */
function tableEncoding(files: readonly ScannedFile[]): string {
  const found = new Set(files.filter(isBeyondAscii).map(({ encoding }) => encoding.encoding));
  if (found.size === 0) return files[0]!.encoding.encoding;
  return found.size === 1 ? [...found][0]! : 'utf-8';
}

function isBeyondAscii({ scan, encoding }: ScannedFile): boolean {
  return scan.utf8.rows + scan.foreign.rows > 0 || encoding.encoding !== 'utf-8';
}

/** What the file has to be recoded from, for a table in this encoding; null: it need not be. */
function recodeFrom(file: ScannedFile, table: string): string | null {
  const { recode } = file.beginning.form.preparation;
  const own = file.encoding.encoding;
  return recode ?? (table === 'utf-8' && own !== table && isBeyondAscii(file) ? own : null);
}

function encodingWarnings(file: ScannedFile, table: string): string[] {
  const { encoding } = file;
  const { name } = file.beginning.source;
  const bad = encoding.exceptions;
  if (bad !== null) {
    return [
      `${name}: it is in two encodings: read as ${encoding.encoding}, ${counted(bad.rows, 'row')} ${bad.rows === 1 ? 'is' : 'are'} not in it (${linesOf(bad)})`,
    ];
  }
  return recodeFrom(file, table) === encoding.encoding
    ? [
        `${name}: it is in ${encoding.encoding}, and the table in ${table}: \`longshore add\` recodes it, ` +
          `\`longshore load --encoding ${encoding.encoding}\` reads it`,
      ]
    : [];
}

/** Of text in any of the files' encodings: what is not in the table's is in the first other one. */
function decoderOf(table: string, files: readonly ScannedFile[]): (bytes: Uint8Array) => string {
  const decoder = new TextDecoder(table, { ignoreBOM: true });
  const other = files.map((file) => recodeFrom(file, table)).find((from) => from !== null && !isWide(from));
  if (other === undefined || other === null) return (bytes) => decoder.decode(bytes);
  const fallback = new TextDecoder(other);
  return (bytes) => (isUtf8(bytes) ? decoder : fallback).decode(bytes);
}
