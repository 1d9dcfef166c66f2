import { type Random, sfc32 } from './random.ts';
import { type ExpectedError, type Fault, type HireCells, spoilRow } from './spoil-row.ts';
import { DEPARTMENTS, FIRST_NAMES, JOBS, LAST_NAMES, LEVELS } from './words.ts';

export interface SampleOptions {
  /** The same seed and options give the same bytes. */
  readonly seed: number;
  /** Rows of hired_employees, good and bad. */
  readonly hires: number;
  /** Default 12, as in the challenge. */
  readonly departments?: number;
  /** Default 183, as in the challenge. */
  readonly jobs?: number;
  /** The share of rows that are bad, 0 to 1. Default 0.035, the challenge's. */
  readonly badShare?: number;
  /** How bad rows are bad, each as often as the others. Default: an empty required cell, as in the challenge. */
  readonly faults?: readonly Fault[];
  /** The share of good rows whose name is quoted, with a comma, a doubled quote or a line break in it. Default 0. */
  readonly quotedShare?: number;
}

export interface HiresOptions extends SampleOptions {
  /** Leaves the bad rows out; the good ones are the same, byte for byte. */
  readonly goodOnly?: boolean;
  /** Called for each bad row with the physical line on which it begins (1-based) and its fault. */
  readonly onBadRow?: (line: number, errors: readonly ExpectedError[]) => void;
}

/** The sample that the first start loads. */
export const BUNDLED_SAMPLE: SampleOptions = { seed: 2021, hires: 2000, badShare: 0.03 };

const DEFAULT_DEPARTMENTS = 12;
const DEFAULT_JOBS = 183;
const PIECE_CHARACTERS = 256 * 1024;

/** `id,department` a line, without a header. */
export function departmentsCsv(options: SampleOptions): Buffer {
  return lookupCsv(options.departments ?? DEFAULT_DEPARTMENTS, DEPARTMENTS);
}

/** `id,job` a line, without a header. */
export function jobsCsv(options: SampleOptions): Buffer {
  const titles = LEVELS.flatMap((level) => JOBS.map((job) => job + level));
  return lookupCsv(options.jobs ?? DEFAULT_JOBS, titles);
}

function lookupCsv(count: number, names: readonly string[]): Buffer {
  const lines = Array.from({ length: count }, (_, index) => {
    const round = Math.floor(index / names.length);
    return `${index + 1},${names[index % names.length]}${round === 0 ? '' : ` (${round + 1})`}\n`;
  });
  return Buffer.from(lines.join(''));
}

/**
 * Look-alikes of the challenge's hired_employees.csv (`id,name,datetime,department_id,job_id`, no header, about
 * 45 bytes a row), in pieces of about 256 KiB, so that a file of any size can be streamed.
 */
export function* hiresCsv(options: HiresOptions): Generator<Buffer> {
  const random = sfc32(options.seed);
  const { badShare = 0.035, quotedShare = 0, goodOnly = false, onBadRow } = options;
  const faults = options.faults ?? ['missing-value'];
  const departments = options.departments ?? DEFAULT_DEPARTMENTS;
  const noDepartment = String(departments + 1);
  const row = rowMaker(random, departments, options.jobs ?? DEFAULT_JOBS);
  let piece = '';
  let line = 1;
  let earlierId: string | null = null;
  for (let id = 1; id <= options.hires; id++) {
    const cells = row(id);
    if (badShare > 0 && random.chance(badShare)) {
      const fault = faults[random.below(faults.length)]!;
      const bad = spoilRow(cells, fault, { random, earlierId, noDepartment });
      if (!goodOnly) {
        onBadRow?.(line, bad.errors);
        piece += `${bad.cells.join(',')}\n`;
        line++;
      }
    } else {
      const [key, name, datetime, department, job] = cells;
      const quoted = quotedShare > 0 && random.chance(quotedShare) ? quotedName(name, random) : name;
      piece += `${key},${quoted},${datetime},${department},${job}\n`;
      line += quoted.includes('\n') ? 2 : 1;
      earlierId = key;
    }
    if (piece.length >= PIECE_CHARACTERS) {
      yield Buffer.from(piece, 'latin1');
      piece = '';
    }
  }
  if (piece !== '') yield Buffer.from(piece, 'latin1');
}

function quotedName(name: string, random: Random): string {
  const [first, last] = name.split(' ');
  return [`"${last}, ${first}"`, `"${first} ""${last}"""`, `"${first}\n${last}"`][random.below(3)]!;
}

/** The real file's span: hires from 2021 into February 2022, most of them in 2021. */
const DAYS = Array.from({ length: 424 }, (_, day) =>
  new Date(Date.UTC(2021, 0, 1 + day)).toISOString().slice(0, 10),
);
const TWO_DIGITS = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));

function rowMaker(random: Random, departments: number, jobs: number): (id: number) => HireCells {
  return (id) => {
    const first = FIRST_NAMES[random.below(FIRST_NAMES.length)];
    const last = LAST_NAMES[random.below(LAST_NAMES.length)];
    const day = DAYS[random.below(DAYS.length)];
    const time = `${TWO_DIGITS[random.below(24)]}:${TWO_DIGITS[random.below(60)]}:${TWO_DIGITS[random.below(60)]}`;
    // The larger of two throws: departments differ in size, as real ones do, and the report has something to rank.
    const department = 1 + Math.max(random.below(departments), random.below(departments));
    return [
      String(id),
      `${first} ${last}`,
      `${day}T${time}Z`,
      String(department),
      String(1 + random.below(jobs)),
    ];
  };
}
