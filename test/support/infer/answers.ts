import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

/** Files of public shapes, each set with the right answer beside it, written by hand before any program read them. */
export const CORPUS = fileURLToPath(new URL('../../fixtures/infer/', import.meta.url));

/** `empty`: a column without a value, which may have any type. `duration`: text to Longshore. */
export type AnswerType =
  | 'string'
  | 'integer'
  | 'number'
  | 'boolean'
  | 'date'
  | 'datetime'
  | 'time'
  | 'duration'
  | 'empty';

/** A cell's right value as text (numbers in plain digits, dates in ISO form); null, or several that are all right. */
export type AnswerValue = string | boolean | null | { readonly either: readonly (string | boolean | null)[] };

export interface FieldAnswer {
  /** Null: the file gives no usable name. */
  readonly name: string | null;
  /** The best first; where reasonable people differ, the others behind it. */
  readonly type: readonly AnswerType[];
  /** It has neither a heading nor a value: a reader may leave it out. */
  readonly mayBeLeftOut?: boolean;
  /** Which of day and month comes first. */
  readonly order?: 'dmy' | 'mdy';
  /** Nobody can know whether the day or the month comes first, so a reader has to say that it is a guess. */
  readonly undecidable?: boolean;
  readonly required?: boolean;
  readonly unique?: boolean;
  /** Its values are a list to hold others to; false: they surely are not. */
  readonly enum?: readonly string[] | false;
}

export interface FileAnswer {
  readonly file: string;
  /** A WHATWG name; one that decodes the file to the same text is as right. */
  readonly encoding: string;
  readonly delimiter: string;
  /** A double quote when left out; null: nothing is quoted. */
  readonly quote?: string | null;
  /** What makes a quote in a quoted cell literal, where that is not the quote doubled. */
  readonly escape?: string;
  readonly comment?: string;
  /** Lines that stand before the table and are no comments. */
  readonly before?: number;
  readonly header: boolean;
  /** Records, without a header, comments, what stands before the table, and blank lines at the end. */
  readonly rows: number;
  /** Records (from 1) that can't be read into the table: a reader may leave them out, but lose no other. */
  readonly bad?: readonly number[];
  /** Keys that are right; `[]` is none. Left out: a matter of taste. */
  readonly primaryKey?: readonly (readonly string[])[];
  readonly fields: readonly FieldAnswer[];
  /** By record, from 1. */
  readonly values: Readonly<Record<string, readonly AnswerValue[]>>;
}

export interface Answer {
  readonly name: string;
  /** Which program writes such files, and what is hard about them. */
  readonly shape: string;
  readonly notes?: string;
  /** Files that are read together. */
  readonly files: readonly FileAnswer[];
  readonly references?: readonly {
    readonly from: string;
    readonly fields: readonly string[];
    readonly to: string;
    readonly toFields: readonly string[];
  }[];
}

/** The bytes of a file of the corpus, unpacked. */
export async function readCorpusFile({ file }: FileAnswer): Promise<Buffer> {
  const bytes = await readFile(CORPUS + file);
  return file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

/** Every answer of the corpus, by name. */
export async function readAnswers(): Promise<Answer[]> {
  const names = (await readdir(CORPUS)).filter((name) => name.endsWith('.answer.json')).sort();
  return Promise.all(
    names.map(async (name) => ({
      name: name.slice(0, -'.answer.json'.length),
      ...JSON.parse(await readFile(CORPUS + name, 'utf8')),
    })),
  );
}
