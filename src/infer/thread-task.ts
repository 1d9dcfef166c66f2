import type { ErrorCode, ErrorPlace } from '../errors.ts';
import type { InferOptions, Inferred } from './contract.ts';

/** What is read of a file at a time. */
export const PIECE_BYTES = 256 * 1024;

/** A file that the process has open for reading, and keeps open. */
export interface OpenFile {
  /** As people know it: the table gets its name from it. */
  readonly name: string;
  readonly fd: number;
}

export type ThreadOptions = Pick<InferOptions, 'tables' | 'overrides' | 'rules' | 'maxBytes'>;

export interface ThreadTask {
  readonly files: readonly OpenFile[];
  readonly options: ThreadOptions;
}

export type ThreadAnswer =
  | { readonly kind: 'inferred'; readonly inferred: Inferred }
  | {
      readonly kind: 'refused';
      readonly code: ErrorCode;
      readonly message: string;
      readonly places: readonly ErrorPlace[];
    };
