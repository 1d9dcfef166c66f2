import type { Request } from 'express';
import { idempotencyKeyOf } from '../../api/batches/idempotency-key.ts';
import { rangeOf } from '../../api/http/byte-range.ts';
import { batchFormatOf } from '../../api/http/content-type.ts';
import { cursorParameter, decodeCursor } from '../../api/http/cursor.ts';
import { isKnown } from '../../api/http/etag.ts';
import { displayName, dispositionFileName } from '../../api/http/file-name.ts';
import { maxRejects, wholeNumber } from '../../api/http/parameters.ts';
import { preferencesOf } from '../../api/http/prefer.ts';
import { avroName, nameOfAvro } from '../../src/avro/names.ts';
import { arrayLiteral } from '../../src/batches/group-parameters.ts';
import { parseJson } from '../../src/batches/parse-json.ts';
import { readBatch } from '../../src/batches/read-batch.ts';
import { plain } from '../../src/cli/format.ts';
import { parseRecord } from '../../src/csv/parse-record.ts';
import { Surveyor } from '../../src/csv/survey.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { isDuration } from '../../src/duration.ts';
import { describeJsonFault } from '../../src/json-fault.ts';
import { parseApiKey } from '../../src/keys/key-text.ts';
import { looksLikeToken } from '../../src/keys/tokens.ts';
import { jsonOfErrors } from '../../src/rejects/rejects.ts';
import { readHeader } from '../../src/reports/report-header.ts';
import { compileTable } from '../../src/rows/compile-table.ts';
import { copyValue } from '../../src/rows/copy-text.ts';
import { isSameNumber } from '../../src/rows/decimal.ts';
import { normalizeCron } from '../../src/schedules/cron.ts';
import { quoted, withoutTrailing } from '../../src/shorten.ts';
import { atOnce } from './at-once.ts';
import { received } from './batches.ts';

/** Takes a text that somebody else wrote; may throw what it refuses the text with. */
export type ForeignParser = (text: string) => unknown;

/** Every kind of field, with each rule that looks at a cell. */
const FIELDS = [
  { name: 'id', type: 'integer' },
  { name: 'text', type: 'string', constraints: { minLength: 1, maxLength: 5, pattern: '(a+)+b|(x*)*y' } },
  { name: 'email', type: 'string', format: 'email' },
  { name: 'uri', type: 'string', format: 'uri' },
  { name: 'uuid', type: 'string', format: 'uuid' },
  { name: 'binary', type: 'string', format: 'binary' },
  { name: 'number', type: 'number', constraints: { minimum: 1, enum: [1, 2.5] } },
  { name: 'price', type: 'number', bareNumber: false, groupChar: ' ', decimalChar: ',' },
  { name: 'whole', type: 'integer', bareNumber: false, constraints: { maximum: 9 } },
  { name: 'yes', type: 'boolean' },
  { name: 'date', type: 'date' },
  { name: 'dateAny', type: 'date', format: 'any' },
  { name: 'dateOf', type: 'date', format: '%d %B %Y' },
  { name: 'moment', type: 'datetime' },
  { name: 'momentAny', type: 'datetime', format: 'any' },
  { name: 'momentOf', type: 'datetime', format: '%Y-%m-%d %H:%M:%S.%f%z' },
  { name: 'time', type: 'time' },
  { name: 'timeAny', type: 'time', format: 'any' },
  { name: 'any', type: 'any' },
];

const dictionary = parseDictionary({
  name: 'linear',
  resources: [{ name: 'things', path: 'things.csv', schema: { fields: FIELDS }, dialect: { header: false } }],
});
const compiled = compileTable(dictionary.tables[0]!);
const { dialect } = compiled.table;
const spaced = { ...dialect, skipInitialSpace: true, commentChar: '#' };
const escaped = { ...dialect, doubleQuote: false, escapeChar: '\\' };

/** Whatever takes apart what strangers send: headers, parameters, bodies, cells, names, and what the client reads. */
export const FOREIGN_PARSERS: Readonly<Record<string, ForeignParser>> = {
  'header Prefer': (text) => preferencesOf(requestWith(text)),
  'header Idempotency-Key': idempotencyKeyOf,
  'header Content-Type': (text) => batchFormatOf(requestWith(`text/csv;${text}`)),
  'header Content-Disposition': (text) => dispositionFileName(`attachment;${text}`),
  'header If-None-Match': (text) => isKnown(text, '"x"'),
  'header Range': (text) => rangeOf(`bytes=${text}`, 100),
  key: parseApiKey,
  token: looksLikeToken,
  'file name': displayName,
  cursor: (text) => decodeCursor(cursorParameter.parse(Buffer.from(text).toString('base64url')) ?? ''),
  'parameter maxRejects': (text) => maxRejects.safeParse(text),
  'parameter limit': (text) => wholeNumber(1).safeParse(text),
  cron: normalizeCron,
  duration: isDuration,
  'JSON body': (text) => atOnce(parseJson(`{"x":${text}}`)),
  'JSON fault': describeJsonFault,
  'JSON number': (text) => isSameNumber('1', `1${text}1`),
  'batch of JSON': batch('json', (text) => `[{"text":${JSON.stringify(text)},"${text}":1}]`),
  'batch of JSON, as it is': batch('json', (text) => text),
  'batch of NDJSON': batch('ndjson', (text) => text),
  'batch of CSV': batch('csv', (text) => text),
  'file of CSV': (text) => survey(text, dialect),
  'file of CSV with spaces and comments': (text) => survey(text, spaced),
  'file of CSV with an escape character': (text) => survey(text, escaped),
  'record of CSV': (text) => parseRecord(Buffer.from(text), dialect, 'utf-8'),
  'record of CSV in Latin-1': (text) => parseRecord(Buffer.from(text, 'latin1'), spaced, 'latin1'),
  ...Object.fromEntries(
    compiled.fields.map((field) => [`cell of ${field.name}`, (text: string) => field.check(text)]),
  ),
  'parameter of an array': (text) => arrayLiteral([text, text]),
  'line of COPY': copyValue,
  'errors of a row': (text) => jsonOfErrors([{ code: 'type-error', field: null, message: text }]),
  'name in Avro': (text) => nameOfAvro(avroName(text)),
  'name in a dictionary': (text) => parseDictionary({ name: text, resources: [{ name: text, path: text }] }),
  'header of a report': (text) => readHeader(`-- title: ${text}\n--${text}`),
  'text that an error repeats': quoted,
  'address without slashes': (text) => withoutTrailing(text, '/'),
  'text in a terminal': plain,
};

/** Repeated in the middle: what makes a matcher try again for each repeat, when the end does not fit. */
export const ATTACKS: readonly (readonly [start: string, repeat: string, end: string])[] = [
  ['a', ' ', 'b'],
  ['a', ';a= ', '?'],
  ['', '0', '1'],
  ['1', '0', 'x'],
  ['0.', '0', 'e'],
  ['', '"', ''],
  ['"', '""', 'x'],
  ['', '"\n', ''],
  ['a', 'a"', ''],
  ['"', '\\', ''],
  ['"', 'a,"', '?'],
  ['', ',', 'x'],
  ['', '%', 'x'],
  ['http:', '/', '\\'],
  ['a:', '/a', '<'],
  ['', 'a.', '!'],
  ['a@', 'a.', '!'],
  ['a@', 'a-', '!'],
  ['', 'a', '!'],
  ['', 'x', '\0'],
  ['', '[', ''],
  ['', '{"a":', ''],
  ['', '\n', 'x'],
  ['2021-01-01', ' ', 'T10:00'],
  ['2021-01-01T10:00:00.', '0', 'x'],
  ['', '1:', 'x'],
  ['', '_x', '_'],
  ['', '\u{1f600}', '\ud800'],
  ['', '=', 'A'],
  ['', '\t', 'x'],
  ['', '-', 'x'],
];

function requestWith(value: string): Request {
  const get = (name: string) => (name === 'content-encoding' ? undefined : value);
  return { get } as unknown as Request;
}

function batch(format: 'json' | 'ndjson' | 'csv', body: (text: string) => string): ForeignParser {
  return (text) => atOnce(readBatch(received(body(text), { format }), compiled, 'merge'));
}

function survey(text: string, of: typeof dialect): void {
  const surveyor = new Surveyor({ dialect: of, encoding: 'utf-8' });
  surveyor.push(Buffer.from(text));
  surveyor.end();
}
