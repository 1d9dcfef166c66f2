import type { RejectCode } from '../types.ts';
import type { Random } from './random.ts';

/** The ways in which a generated row can be bad. */
export const FAULTS = [
  'missing-value',
  'type',
  'out-of-range',
  'bad-date',
  'extra-cell',
  'missing-cell',
  'blank-row',
  'duplicate-key',
  'broken-reference',
] as const;

export type Fault = (typeof FAULTS)[number];

/** The cells of one hire: id, name, datetime, department_id, job_id. */
export type HireCells = readonly [string, string, string, string, string];

export interface ExpectedError {
  readonly code: RejectCode;
  /** null where the whole row, or a cell without a field, is at fault. */
  readonly field: string | null;
}

export interface SpoiledRow {
  readonly cells: readonly string[];
  readonly errors: readonly ExpectedError[];
}

export interface SpoilContext {
  readonly random: Random;
  /** The primary key of a good row before this one; null when there is none yet. */
  readonly earlierId: string | null;
  /** An ID that no department has. */
  readonly noDepartment: string;
}

const FIELDS = ['id', 'name', 'datetime', 'department_id', 'job_id'] as const;

/** Makes a good row bad in one way, and says which errors the bundled dictionary must find in it. */
export function spoilRow(cells: HireCells, fault: Fault, context: SpoilContext): SpoiledRow {
  const { random, earlierId, noDepartment } = context;
  switch (fault) {
    case 'missing-value': {
      const at = 1 + random.below(4);
      return { cells: cells.with(at, ''), errors: [{ code: 'constraint-error', field: FIELDS[at]! }] };
    }
    case 'type': {
      const at = random.chance(0.5) ? 3 : 4;
      return { cells: cells.with(at, `n${cells[at]}`), errors: [{ code: 'type-error', field: FIELDS[at]! }] };
    }
    case 'out-of-range':
      return {
        cells: cells.with(4, '9223372036854775808'),
        errors: [{ code: 'type-error', field: 'job_id' }],
      };
    case 'bad-date':
      return {
        cells: cells.with(2, '2021-02-29T12:00:00Z'),
        errors: [{ code: 'type-error', field: 'datetime' }],
      };
    case 'extra-cell':
      return { cells: [...cells, 'extra'], errors: [{ code: 'extra-cell', field: null }] };
    case 'missing-cell':
      return {
        cells: cells.slice(0, 4),
        errors: [
          { code: 'constraint-error', field: 'job_id' },
          { code: 'missing-cell', field: 'job_id' },
        ],
      };
    case 'blank-row':
      return { cells: ['', '', '', '', ''], errors: [{ code: 'blank-row', field: null }] };
    case 'duplicate-key':
      // Without a row before it there is nothing to repeat: break the key itself instead.
      return earlierId === null
        ? { cells: cells.with(0, ''), errors: [{ code: 'constraint-error', field: 'id' }] }
        : { cells: cells.with(0, earlierId), errors: [{ code: 'primary-key', field: null }] };
    case 'broken-reference':
      return {
        cells: cells.with(3, noDepartment),
        errors: [{ code: 'foreign-key', field: 'department_id' }],
      };
  }
}
