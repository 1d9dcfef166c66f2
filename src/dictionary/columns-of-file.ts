import type { LoadMode, Table } from '../types.ts';
import { columnsWithoutHeader, matchHeader } from './match-header.ts';
import { absentFields } from './partial-table.ts';

/** What decides where a file's cells go. */
export interface FilePlan {
  readonly table: Table;
  /** null where the dialect has none */
  readonly header: readonly string[] | null;
  readonly mode: LoadMode;
}

/** @throws LongshoreError `header-mismatch` */
export function columnsOfFile({ table, header, mode }: FilePlan) {
  return header ? matchHeader(table, header, mode) : columnsWithoutHeader(table);
}

/** Fields that the file of a merge does not have. Other modes make them null. @throws LongshoreError `header-mismatch` */
export function absentInFile(plan: FilePlan): readonly string[] {
  return plan.mode === 'merge' ? absentFields(plan.table, columnsOfFile(plan)) : [];
}
