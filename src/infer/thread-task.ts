import type { ErrorCode, ErrorPlace } from '../errors.ts';
import type { InferOptions, Inferred, KeyQuestion } from './contract.ts';

/** What is read of a file at a time. */
export const PIECE_BYTES = 256 * 1024;

/** A file that the process has open for reading, and keeps open. */
export interface OpenFile {
  /** As people know it: the table gets its name from it. */
  readonly name: string;
  readonly fd: number;
  /** How long it is. */
  readonly bytes: number;
}

export type ThreadOptions = Pick<InferOptions, 'tables' | 'overrides' | 'rules' | 'maxBytes'>;

export interface ThreadTask {
  readonly files: readonly OpenFile[];
  readonly options: ThreadOptions;
  /** Whether questions about keys are answered. */
  readonly asks: boolean;
}

/** What the thread says: one question at a time, which a `KeyAnswer` answers, and in the end what it found. */
export type ThreadMessage = { readonly kind: 'asked'; readonly question: KeyQuestion } | ThreadAnswer;

export type ThreadAnswer =
  | { readonly kind: 'inferred'; readonly inferred: Inferred }
  | {
      readonly kind: 'refused';
      readonly code: ErrorCode;
      readonly message: string;
      readonly places: readonly ErrorPlace[];
    };
