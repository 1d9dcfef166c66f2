import { LongshoreError } from '../errors.ts';

/** What is wrong at one line of a report's file. */
export interface ReportFault {
  /** From 1; null: the whole file. */
  readonly line: number | null;
  /** A sentence without a full stop. */
  readonly detail: string;
}

/** `report-invalid` that names file, line and fault, of every fault. */
export function reportInvalid(file: string, faults: readonly ReportFault[], cause?: unknown): LongshoreError {
  const texts = faults.map(({ line, detail }) => `${file}${line === null ? '' : `:${line}`}: ${detail}`);
  const places = texts.map((detail) => ({ detail }));
  return new LongshoreError('report-invalid', texts.join('; '), { cause, places });
}
