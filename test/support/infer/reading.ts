import type { AnswerType } from './answers.ts';

/**
 * A value as a reader has it: `s` text, `n` number, `b` boolean, `d` date, `t` moment, `h` time of day, `i` length of
 * time, `j` JSON; `o` is anything else.
 */
export type Cell =
  | null
  | readonly [tag: 's' | 'n' | 'd' | 't' | 'h' | 'i' | 'j' | 'o', text: string]
  | readonly ['b', boolean];

/** What a reader makes of a file, told nothing about it. */
export interface Reading {
  /** It refused the file. */
  readonly failed?: string;
  /** Null or left out: the reader has no say in it. */
  readonly encoding?: string | null;
  /** Whether the text is that of the right encoding; null: the reader has no say in it. */
  readonly sameText?: boolean | null;
  readonly delimiter?: string | null;
  readonly header?: boolean | null;
  /** For each column the types that the reader's own type stands for. */
  readonly types: readonly (readonly (AnswerType | 'other')[])[];
  readonly rows: readonly (readonly Cell[])[];
}
