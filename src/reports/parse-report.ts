import { createHash } from 'node:crypto';
import type { Report, ReportChart, ReportParameter } from './report.ts';
import { type ReportFault, reportInvalid } from './report-faults.ts';
import { type HeaderLine, type HeaderWord, readHeader } from './report-header.ts';

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,47}[a-z0-9])?$/;
const PARAMETER_TYPES = ['integer', 'string', 'date'] as const;
const CHART_KINDS = ['bar', 'stacked'] as const;
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const DEFAULT_REFRESH = '15m';
const REFRESH_MAX_SECONDS = 7 * 86_400;
const WHOLE = /^-?[0-9]{1,15}$/;

/**
 * A report from the text of its file (see `Report` for the format). Pure.
 * @param file for messages
 * @param known names of the tables that it may read; null: any
 * @throws LongshoreError `report-invalid` that names every fault of the header with its line
 */
export function parseReport(
  name: string,
  file: string,
  text: string,
  known: readonly string[] | null,
): Report {
  const faults: ReportFault[] = [];
  if (!NAME.test(name)) {
    const detail = `the name "${name}": expected up to 49 lower-case letters, digits and hyphens`;
    faults.push({ line: null, detail });
  }
  const header = readHeader(text);
  faults.push(...header.faults);
  const reader = new HeaderReader(header.lines, faults);
  const select = text.split('\n').slice(header.length).join('\n').trim().replace(/;\s*$/, '');
  if (select === '') faults.push({ line: null, detail: 'there is no SELECT after the header' });
  const parameters = reader.all('parameter').flatMap((entry) => readParameter(entry, faults) ?? []);
  for (const { name: twice } of parameters.filter(
    (one, n) => parameters.findIndex((p) => p.name === one.name) < n,
  )) {
    faults.push({ line: reader.lineOf('parameter'), detail: `the parameter "${twice}" is there twice` });
  }
  const key = reader.list('key');
  const report: Report = {
    name,
    file,
    title: reader.text('title') ?? '',
    description: reader.text('description'),
    parameters,
    tables: readTables(reader, known, faults),
    key,
    hidden: reader.list('hidden'),
    order: readOrder(reader, faults),
    refreshSeconds: readRefresh(reader, faults),
    chart: readChart(reader, faults),
    sql: text.trimEnd().replace(/;$/, ''),
    hash: hashOf(select, key, parameters),
  };
  if (faults.length > 0) throw reportInvalid(file, faults);
  return report;
}

class HeaderReader {
  readonly #lines: readonly HeaderLine[];
  readonly #faults: ReportFault[];

  constructor(lines: readonly HeaderLine[], faults: ReportFault[]) {
    this.#lines = lines;
    this.#faults = faults;
  }

  all(word: HeaderWord): readonly HeaderLine[] {
    return this.#lines.filter((entry) => entry.word === word);
  }

  one(word: HeaderWord): HeaderLine | undefined {
    return this.#lines.find((entry) => entry.word === word);
  }

  lineOf(word: HeaderWord): number | null {
    return this.one(word)?.line ?? null;
  }

  text(word: HeaderWord): string | null {
    return this.one(word)?.value ?? null;
  }

  /** Names between commas, each once. */
  list(word: HeaderWord): readonly string[] {
    const entry = this.one(word);
    if (entry === undefined) return [];
    const names = entry.value.split(',').map((name) => name.trim());
    const fault = (detail: string) => this.#faults.push({ line: entry.line, detail });
    if (names.includes('')) fault(`"${word}": expected names with a comma between two`);
    const twice = names.find((name, n) => names.indexOf(name) < n);
    if (twice !== undefined) fault(`"${word}": "${twice}" is there twice`);
    return names;
  }
}

function readTables(
  reader: HeaderReader,
  known: readonly string[] | null,
  faults: ReportFault[],
): readonly string[] {
  const tables = reader.list('tables');
  for (const table of tables.filter((name) => known?.includes(name) === false)) {
    const detail = `"tables": the dictionary has no table "${table}", only ${known?.join(', ')}`;
    faults.push({ line: reader.lineOf('tables'), detail });
  }
  return tables;
}

function readParameter({ value, line }: HeaderLine, faults: ReportFault[]): ReportParameter | null {
  const [name = '', type = '', ...rest] = value.split(/\s+/);
  const known = PARAMETER_TYPES.find((one) => one === type);
  if (known === undefined) {
    const detail = `"parameter": expected a column, then one of ${PARAMETER_TYPES.join(', ')}, received "${value}"`;
    faults.push({ line, detail });
    return null;
  }
  const bounded = known === 'integer' && WHOLE.test(rest[0] ?? '') && WHOLE.test(rest[1] ?? '');
  const [minimum, maximum] = bounded ? [Number(rest[0]), Number(rest[1])] : [null, null];
  if (minimum !== null && maximum !== null && minimum > maximum) {
    faults.push({ line, detail: `"parameter": the minimum ${minimum} is above the maximum ${maximum}` });
  }
  const description = rest.slice(bounded ? 2 : 0).join(' ');
  return { name, type: known, minimum, maximum, description: description === '' ? null : description };
}

function readOrder(reader: HeaderReader, faults: ReportFault[]): Report['order'] {
  return reader.list('order').map((item) => {
    const [column = '', direction = 'asc', ...more] = item.split(/\s+/);
    if ((direction !== 'asc' && direction !== 'desc') || more.length > 0) {
      const detail = `"order": expected a column, then asc or desc or nothing, received "${item}"`;
      faults.push({ line: reader.lineOf('order'), detail });
    }
    return { column, descending: direction === 'desc' };
  });
}

function readRefresh(reader: HeaderReader, faults: ReportFault[]): number {
  const value = reader.text('refresh') ?? DEFAULT_REFRESH;
  const [, count = '', unit = ''] = /^([0-9]{1,6})([smhd])$/.exec(value) ?? [];
  const seconds = Number(count) * (UNIT_SECONDS[unit] ?? 0);
  if (seconds >= 1 && seconds <= REFRESH_MAX_SECONDS) return seconds;
  const detail = `"refresh": expected a time such as 30s, 15m or 2h, of 7d at most, received "${value}"`;
  faults.push({ line: reader.lineOf('refresh'), detail });
  return 0;
}

function readChart(reader: HeaderReader, faults: ReportFault[]): ReportChart | null {
  const entry = reader.one('chart');
  if (entry === undefined) return null;
  const [kind, category, ...values] = entry.value.split(/\s+/);
  const known = CHART_KINDS.find((one) => one === kind);
  if (known !== undefined && category !== undefined && values.length > 0)
    return { kind: known, category, values };
  const detail = `"chart": expected ${CHART_KINDS.join(' or ')}, a category column and value columns, received "${entry.value}"`;
  faults.push({ line: entry.line, detail });
  return null;
}

/** Hash of everything that the view and its indexes are made from. */
function hashOf(select: string, key: readonly string[], parameters: readonly ReportParameter[]): string {
  const parts = [select, key, parameters.map(({ name }) => name)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
