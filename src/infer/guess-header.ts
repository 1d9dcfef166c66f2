import type { Dialect } from '../types.ts';
import { cellShape } from './cell-shape.ts';
import { Column } from './column.ts';
import { slotBudget } from './distinct-keys.ts';
import { eachRecord, type Sample } from './guess-dialect.ts';
import {
  BLANK,
  DECIMAL,
  INTEGER,
  kindOf,
  LONG_INTEGER,
  MOMENT,
  NOTHING,
  TEXT,
  UUID,
  ZERO_INTEGER,
} from './shapes.ts';
import { MOST_CELLS, RecordSplitter } from './split-record.ts';

export interface GuessedHeader {
  readonly header: boolean;
  readonly note?: string;
}

/** Words that head columns, in the languages of the exports that are commonest; parts of a heading. */
const HEADING_WORDS: ReadonlySet<string> = new Set(
  (
    'id key code no nr num number name first last firstname lastname fullname surname title type kind status state date time ' +
    'datetime timestamp created updated modified at by year month day week hour city country region county zip plz postcode ' +
    'address street email mail phone tel fax mobile url website amount price cost total sum tax vat currency quantity qty count ' +
    'rate ratio percent score rank value values category class group tag tags label description comment comments note notes ' +
    'text message subject user customer client order product item sku invoice department job role position salary gender sex age ' +
    'birth birthday dob lat lon lng latitude longitude height width weight size color colour active enabled flag is has from to ' +
    'start end begin source target parent level version language locale account balance payment method company organisation ' +
    'organization vorname nachname kunde kundennr artikel menge preis betrag datum uhrzeit stadt ort land strasse bezeichnung ' +
    'beschreibung bemerkung anzahl umsatz rechnung bestellung nummer nom prenom ville pays adresse prix quantite montant date ' +
    'numero commande client nombre apellido ciudad pais fecha precio cantidad importe codigo cliente nome cognome citta paese ' +
    'data prezzo quantita importo codice a b c x y z'
  ).split(' '),
);

/** Finds whether the first record of the sample names the columns, by what the others hold. */
export function guessHeader(sample: Sample, dialect: Dialect, width: number): GuessedHeader {
  const { first, columns, rows } = readColumns(sample, dialect, width);
  if (first === null) return { header: false };
  if (rows === 0) {
    const header = first.every(isHeadingLike);
    return { header, note: header ? 'the only line looks like a header' : 'the only line looks like a row' };
  }
  let [forHeader, against] = [0, 0];
  const years = areYears(first);
  for (const [index, column] of columns.entries()) {
    const cell = first[index] ?? '';
    if (column.rows === column.empty) continue;
    if (cell.trim() === '') {
      against += 0.5;
      continue;
    }
    const shape = cellShape(Buffer.from(cell, 'latin1'), 0, cell.length);
    const typed = familyOf(column);
    // An `x` above numbers or texts is a heading, and no value that is missing.
    const isHeading = HEADING_WORDS.has(cell.trim().toLowerCase()) && !column.shapes.has(shape);
    const kind = isHeading ? TEXT : kindOf(shape);
    if (typed !== null) {
      if (kind === TEXT && !(typed === 'list' && isMember(column, cell))) forHeader += 2;
      else if (years) forHeader += 1;
      else if (kind !== NOTHING) against += 2;
    } else if (isMember(column, cell)) against += 1.5;
    else if (kind !== TEXT) against += 1;
    else forHeader += textEvidence(column, cell);
  }
  if (new Set(first).size < first.length && first.length > 1) against += 0.5;
  if (forHeader === against)
    return { header: true, note: 'nothing tells the first line from the others: it is taken for the header' };
  const close = Math.abs(forHeader - against) < 0.5 && Math.min(forHeader, against) > 0;
  return {
    header: forHeader > against,
    ...(close ? { note: 'the first line is much like the others' } : {}),
  };
}

interface FirstColumns {
  readonly first: readonly string[] | null;
  readonly columns: readonly Column[];
  readonly rows: number;
}

function readColumns(sample: Sample, dialect: Dialect, width: number): FirstColumns {
  const splitter = new RecordSplitter(dialect);
  const budget = slotBudget();
  const columns = Array.from({ length: width }, () => new Column(budget));
  let first: string[] | null = null;
  let firstBytes: Buffer = Buffer.alloc(0);
  let rows = 0;
  eachRecord(sample, dialect, (kind, start, end, quoted, line) => {
    if (kind !== 'record') return;
    const cells = Math.min(splitter.split(sample.bytes, start, end, quoted), MOST_CELLS);
    if (start === end) return;
    if (first === null) {
      first = cellTexts(splitter, cells);
      firstBytes = sample.bytes.subarray(start, end);
      return;
    }
    // A header that comes again, as where files were put together, is no row.
    if (firstBytes.compare(sample.bytes, start, end) === 0) return;
    rows++;
    for (let i = 0; i < Math.min(cells, width); i++) {
      columns[i]!.add(splitter.bytes, splitter.starts[i]!, splitter.ends[i]!, line, true);
    }
  });
  return { first, columns, rows };
}

/** The cells of the last record, a character a byte. */
export function cellTexts({ bytes, starts, ends }: RecordSplitter, cells: number): string[] {
  return Array.from({ length: cells }, (_, i) =>
    Buffer.from(bytes.subarray(starts[i]!, ends[i]!)).toString('latin1'),
  );
}

/** What every value of the column is, if that is more than text; null for text. */
function familyOf(column: Column): 'number' | 'moment' | 'list' | 'uuid' | null {
  const kinds = new Set([...column.shapes.keys()].map(kindOf));
  kinds.delete(NOTHING);
  kinds.delete(BLANK);
  if (kinds.size === 0) return null;
  const only = (...allowed: readonly number[]) => [...kinds].every((kind) => allowed.includes(kind));
  if (only(INTEGER, DECIMAL, ZERO_INTEGER, LONG_INTEGER)) return 'number';
  if (only(MOMENT)) return 'moment';
  if (only(UUID)) return 'uuid';
  const values = column.few.values;
  // Few short words that come again and again: a yes or no, a status.
  const isList =
    values !== null && values.length <= 6 && column.rows >= 4 * values.length && column.rows >= 8;
  return isList ? 'list' : null;
}

function isMember(column: Column, cell: string): boolean {
  const bytes = Buffer.from(cell, 'latin1');
  return column.few.values?.some((value) => value.bytes.equals(bytes)) ?? false;
}

/** Of a column of texts: how much its first cell differs from the others as a heading does. */
function textEvidence(column: Column, cell: string): number {
  let evidence = 0.1;
  if (wordsOf(cell).some((word) => HEADING_WORDS.has(word))) evidence += 1;
  if (/^[a-z]+(?:_[a-z0-9]+)+$|^[A-Z]+(?:_[A-Z0-9]+)+$|^[a-z]+(?:[A-Z][a-z]+)+$/.test(cell)) evidence += 1;
  if (cell.length < column.minBytes || cell.length > column.maxBytes) evidence += 0.5;
  const examples = [...column.shapes.values()].flatMap((count) => count.examples);
  const all = (has: RegExp) =>
    examples.length > 0 && examples.every(({ bytes }) => has.test(bytes.toString('latin1')));
  if (all(/\d/)) evidence += /\d/.test(cell) ? -0.7 : 0.7;
  if (all(/@/)) evidence += cell.includes('@') ? -2 : 1;
  if (all(/^https?:/)) evidence += cell.startsWith('http') ? -2 : 1;
  if (all(/^[A-Z]/) && /^[a-z]/.test(cell)) evidence += 0.5;
  return evidence;
}

function wordsOf(cell: string): string[] {
  return cell
    .slice(0, 100)
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '');
}

function isHeadingLike(cell: string): boolean {
  const text = cell.trim();
  return (
    text === '' ||
    (kindOf(cellShape(Buffer.from(text, 'latin1'), 0, text.length)) === TEXT && !/[@]|:\/\//.test(text))
  );
}

/** `country,2019,2020,2021`: years as headings, one after the other. */
function areYears(first: readonly string[]): boolean {
  const years = first.filter((cell) => /^(?:19|20)\d\d$/.test(cell)).map(Number);
  return years.length >= 2 && years.every((year, index) => index === 0 || year === years[index - 1]! + 1);
}
