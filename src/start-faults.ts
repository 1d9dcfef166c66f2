import { ERRORS, type ErrorCode, LongshoreError } from './errors.ts';

/** One thing that keeps a process from starting. */
export interface StartFault {
  readonly code: ErrorCode;
  /** What it is and where: one line, without secrets and row data. */
  readonly detail: string;
}

/** Everything that was found to keep a process from starting. */
export class StartRefused extends Error {
  readonly faults: readonly StartFault[];

  constructor(faults: readonly StartFault[], options: { cause?: unknown } = {}) {
    super(faults.map(({ code, detail }) => `${code}: ${detail}`).join('; '), options);
    this.name = 'StartRefused';
    this.faults = faults;
  }
}

/** The faults that an error names, each by itself; null: it is none of the catalog, and so not foreseen. */
export function startFaultsOf(error: unknown): readonly StartFault[] | null {
  if (error instanceof StartRefused) return error.faults;
  if (!(error instanceof LongshoreError)) return null;
  const { code, message, places } = error;
  if (places.length === 0) return [{ code, detail: message }];
  return places.map(({ pointer, parameter, detail }) => ({
    code,
    detail: [pointer ?? parameter, detail].filter((part) => part !== undefined).join(': '),
  }));
}

/** What a person is shown of a process that can not start: a line for each fault, then what to do about each kind. */
export function startReport(faults: readonly StartFault[]): string {
  const codes = [...new Set(faults.map(({ code }) => code))];
  // One fault is one line, whatever was quoted into it.
  const lines = faults.map(({ code, detail }) => `  ${code}: ${oneLine(detail)}`);
  return [...lines, ...codes.map((code) => `  → ${ERRORS[code].remedy}`)].join('\n');
}

/** Ways to a program are a list; what else has line ends gets blanks. */
function oneLine(text: string): string {
  return text.replaceAll('\n  - ', '\n    - ').replace(/\n(?! {4}- )/g, ' ');
}
