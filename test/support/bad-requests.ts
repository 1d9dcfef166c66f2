/** Stands in cells that are rejected, in keys and in headers: it may turn up in no log and in no history. */
export const MARKER = 'zebra-4711';

/** A text/csv body, unless the headers say otherwise. */
export function raw(body: string, headers: Record<string, string> = {}): RequestInit {
  return { body, headers: { 'content-type': 'text/csv', ...headers } };
}

export type BadRequest = readonly [
  what: string,
  path: string,
  request: RequestInit,
  status: number,
  code: string,
  detail: string,
];

const LOADS = '/v1/tables/kinds/loads';
const NOTES = '/v1/tables/notes/loads';
const WIDE = '/v1/tables/wide/loads';
const PART = 'content-disposition: form-data; name="file"; filename="a.csv"';
const form = (...parts: readonly [name: string, content: string | Blob][]): RequestInit => {
  const body = new FormData();
  for (const [name, content] of parts) body.append(name, content);
  return { body };
};
const file = (text: string) => new File([text], 'x.csv');
const multipart = (body: string) => raw(body, { 'content-type': 'multipart/form-data; boundary=x' });
const json = (body: unknown) => raw(JSON.stringify(body), { 'content-type': 'application/json' });
const withKey = (key: string) => raw('a', { 'x-api-key': key });

const NO_MODE = 'mode: expected one of append, replace, merge, received "upsert"';
const NO_COUNT = 'maxRejects: expected a count such as 100, a share such as 1.5%, or none';
const NO_KEY = 'the key is not known, or was revoked';
const TAKEN = 'multipart/form-data, text/csv, application/json';
const TWO_NUMBERS = 'maxRejects: may be given once only';

/**
 * Requests for loads that are refused, each with its exact answer, over the tables `kinds`, `notes` (with a header)
 * and `wide` (whose header may have more) of `bad-input.ts`.
 * @param key a key that is good
 */
export function badRequests(key: string): readonly BadRequest[] {
  // biome-ignore format: a request a line
  return [
    ['an unknown table', '/v1/tables/nothing/loads', raw('a'), 404, 'unknown-table', 'the dictionary has no table "nothing"'],
    ['a table name that climbs', '/v1/tables/..%2Fkinds/loads', raw('a'), 404, 'unknown-table', 'the dictionary has no table "../kinds"'],
    ['a table name with a NUL', '/v1/tables/kinds%00/loads', raw('a'), 404, 'unknown-table', 'the dictionary has no table "kinds\\u0000"; did you mean "kinds"?'],
    ['a table name that is no text', '/v1/tables/%FF/loads', raw('a'), 400, 'invalid-request', 'the path is not valid percent-encoding'],
    ['a table of the ledger', '/v1/tables/load/loads', raw('a'), 404, 'unknown-table', 'the dictionary has no table "load"'],
  
    ['an unknown mode', `${LOADS}?mode=upsert`, raw('a'), 400, 'invalid-request', NO_MODE],
    ['two modes', `${LOADS}?mode=append&mode=merge`, raw('a'), 400, 'invalid-request', 'mode: may be given once only'],
    ['an unknown parameter', `${LOADS}?mod=append`, raw('a'), 400, 'invalid-request', 'mod: is not known here; known are mode, maxRejects, force, delimiter, encoding, header, quoteChar, doubleQuote, escapeChar, skipInitialSpace, commentChar; did you mean "mode"?'],
    ['a merge without a key', `${NOTES}?mode=merge`, raw('id,text\n1,a\n'), 422, 'merge-needs-key', 'the table notes has no primary key'],
    ...['', 'x', '-1', '1.5', '101%', '%', '1e3', '1%%', ' 1', '0x10', '9'.repeat(20)].map(
      (value): BadRequest => [`maxRejects=${value}`, `${LOADS}?${new URLSearchParams({ maxRejects: value })}`, raw('a'), 400, 'invalid-request', NO_COUNT],
    ),
    ['a delimiter of two characters', `${LOADS}?delimiter=%7C%7C`, raw('a'), 400, 'invalid-request', 'delimiter: expected one ASCII character that does not end a line, received "||"'],
    ['no delimiter', `${LOADS}?delimiter=`, raw('a'), 400, 'invalid-request', 'delimiter: expected one ASCII character that does not end a line, received ""'],
    ['the quote as a delimiter', `${LOADS}?delimiter=%22`, raw('a'), 400, 'invalid-request', `delimiter: the table's quoteChar: "\\"" is also the delimiter`],
    ['an encoding and a quote that are none', `${LOADS}?encoding=utf-61&quoteChar=%C3%A9`, raw('a'), 400, 'invalid-request', 'quoteChar: expected one ASCII character that does not end a line, received "é"; encoding: expected the name of an encoding that the WHATWG lists, received "utf-61"; did you mean "utf-16"?'],
    ['an encoding that no text is in', `${LOADS}?encoding=x-user-defined`, raw('a'), 400, 'invalid-request', 'encoding: "x-user-defined" is not supported: no text is in it'],
    ['a header that is neither there nor not', `${LOADS}?header=yes`, raw('a'), 400, 'invalid-request', 'header: expected one of true, false, received "yes"'],
    ['two limits of rejects', `${LOADS}?maxRejects=1&maxRejects=2`, raw('a'), 400, 'invalid-request', TWO_NUMBERS],
  
    ['a wrong content type', LOADS, raw('a', { 'content-type': 'application/xml' }), 415, 'unsupported-media-type', `"application/xml" is not one of ${TAKEN}`],
    ['a form of another kind', LOADS, { body: new URLSearchParams({ file: 'a' }) }, 415, 'unsupported-media-type', `"application/x-www-form-urlencoded;charset=UTF-8" is not one of ${TAKEN}`],
    ['text in another charset', LOADS, raw('a', { 'content-type': 'text/csv; charset=utf-16' }), 415, 'unsupported-media-type', 'the charset is utf-16, but the dictionary says that kinds is in utf-8'],
    ['a body that is not packed as it says', LOADS, raw('a', { 'content-encoding': 'gzip' }), 400, 'malformed-body', 'the body has Content-Encoding gzip, but does not begin as gzip does'],
    ['a body that is packed by something else', LOADS, raw('a', { 'content-encoding': 'br' }), 415, 'unsupported-media-type', 'the body has Content-Encoding "br": send it by gzip or zstd, or without Content-Encoding'],
  
    ['no body at all', LOADS, {}, 400, 'file-missing', 'the request has no content type and no file'],
    ['a form without a file', LOADS, multipart('--x--\r\n'), 400, 'file-missing', 'the form has no field "file"'],
    ['a form with text for a file', LOADS, form(['file', 'a,b']), 400, 'file-missing', 'the field "file" holds text: send it as a file, with a file name'],
    ['a form with two files', LOADS, form(['file', file('a,b')], ['file', file('c,d')]), 400, 'invalid-request', 'the form has a second file: send one file a request'],
    ['a form with a file of another name', LOADS, form(['csv', file('a,b')]), 400, 'invalid-request', 'the form has a field "csv": the only one may be "file"'],
    ['a form with a field before the file', LOADS, form(['mode', 'merge'], ['file', file('a,b')]), 400, 'invalid-request', 'the form has a field "mode": the only one may be "file"'],
    ['a form with a field after the file', LOADS, form(['file', file('a,b')], ['mode', 'merge']), 400, 'invalid-request', 'the form has a field "mode": the only one may be "file"'],
    ['a form that ends early', LOADS, multipart(`--x\r\n${PART}\r\n\r\na,b\n`), 400, 'upload-incomplete', 'the form ends before its closing boundary'],
    ['a form that is none', LOADS, multipart('a,b\n'), 400, 'upload-incomplete', 'the form ends before its closing boundary'],
    ['a form without its boundary', LOADS, raw('a', { 'content-type': 'multipart/form-data' }), 400, 'malformed-body', 'the form can not be read: Multipart: Boundary not found'],
    ['a form with endless part headers', LOADS, multipart(`--x\r\n${PART}\r\na: ${'b'.repeat(1e6)}\r\n\r\na,b\r\n--x--`), 400, 'malformed-body', 'the form can not be read: Malformed part header'],
  
    ['an empty file', LOADS, raw(''), 422, 'file-empty', 'Expected at least one record, received none in 0 bytes'],
    ['an empty file in a form', LOADS, form(['file', file('')]), 422, 'file-empty', 'Expected at least one record, received none in 0 bytes'],
    ['a byte-order mark alone', LOADS, raw('\ufeff'), 422, 'file-empty', 'Expected at least one record, received none in 3 bytes'],
    ['only a header', NOTES, raw('id,text\n'), 422, 'file-empty', 'Expected at least one record after the header, received none in 8 bytes'],
  
    ['a header that does not fit', NOTES, raw(`id,${MARKER}\n1,a\n`), 422, 'header-mismatch', 'table "notes": missing: "text"; unexpected: column 2'],
    ['a header in another order', NOTES, raw('text,id\na,1\n'), 422, 'header-mismatch', 'table "notes": expected "id" as column 1, received "text"; expected "text" as column 2, received "id"'],
    ['a name twice in a header', NOTES, raw('id,text,text\n1,a,b\n'), 422, 'header-mismatch', 'table "notes": more than once: column 3'],
    ['no header where there should be one', NOTES, raw(`1,a\n2,${MARKER}\n`), 422, 'header-mismatch', 'table "notes": missing: "id", "text"; unexpected: columns 1, 2'],
    ['a header of a million names', NOTES, raw(`${Array.from({ length: 1e6 }, (_, i) => i).join()}\n1\n`), 422, 'header-mismatch', 'table "notes": missing: "id", "text"; unexpected: columns 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 999990 more'],
    ['a header without end', NOTES, raw('h'.repeat(17e6)), 422, 'header-mismatch', 'the header is longer than a record may be'],
    ['a header with a NUL', WIDE, raw('id,a\0b\n1,x\n'), 422, 'header-mismatch', 'the header holds a NUL character'],
  
    ...['../keys/admin.key', 'a/../../keys/admin.key', '/etc/passwd', 'a//b', '.', '..', 'a/', './a', 'a\\..\\b'].map(
      (source): BadRequest => [`source ${JSON.stringify(source)}`, LOADS, json({ source }), 404, 'source-not-found', `${JSON.stringify(source)} is not a path below inbox/`],
    ),
    ['a source that is a folder', LOADS, json({ source: 'folder' }), 404, 'source-not-found', 'there is no file inbox/folder in the storage'],
    ['a source that is empty', LOADS, json({ source: 'folder/empty.csv' }), 422, 'file-empty', 'inbox/folder/empty.csv is empty'],
    ['a source with a NUL', LOADS, json({ source: 'a\u0000b' }), 400, 'invalid-request', 'the body does not have the expected form'],
    ['a source without a name', LOADS, json({ source: '' }), 400, 'invalid-request', 'the body does not have the expected form'],
    ['a source with an endless name', LOADS, json({ source: 'x'.repeat(1025) }), 400, 'invalid-request', 'the body does not have the expected form'],
    ['a source that is no text', LOADS, json({ source: ['a'] }), 400, 'invalid-request', 'the body does not have the expected form'],
    ['a source with company', LOADS, json({ source: 'a', table: 'b' }), 400, 'invalid-request', 'the body does not have the expected form'],
    ['half of a JSON text', LOADS, raw('{"source":', { 'content-type': 'application/json' }), 400, 'malformed-body', 'the JSON ends too early: line 1, column 11'],
    ['an endless JSON text', LOADS, json({ source: 'x'.repeat(20_000) }), 413, 'body-too-large', 'a JSON body here has at most 16384 bytes'],
  
    ['an empty key', LOADS, withKey(''), 401, 'unauthenticated', NO_KEY],
    ['a wrong key', LOADS, withKey(`${key} `.replace('only', MARKER)), 401, 'unauthenticated', NO_KEY],
    ['a key that is not UTF-8', LOADS, withKey('\u00c3\u00ff'), 401, 'unauthenticated', NO_KEY],
    ["a key of Longshore's form that nobody has", LOADS, withKey(`lsk_0123456789ab_${'a'.repeat(43)}`), 401, 'unauthenticated', NO_KEY],
  ];
}
