import type { QueryResultRow } from 'pg';

/**
 * Statements of the ledger in SQL: those that COPY, speed or sets keep from being entities or typed queries. A test
 * PREPAREs every one of them against the migrated schema, so that a column, a table or a parameter that is wrong fails
 * there; and it refuses text that names a table of the ledger anywhere else.
 */

declare const row: unique symbol;

/** The text of a statement, with the type of its rows. */
export type Statement<Row> = string & { readonly [row]?: Row };

const declared: string[] = [];

/** A statement whose text is the same for the life of the process, to be declared when its module loads. */
export function statement<Row extends QueryResultRow = QueryResultRow>(
  texts: TemplateStringsArray,
  ...values: readonly Piece[]
): Statement<Row> {
  const text = join(texts, values);
  declared.push(text);
  return text;
}

/**
 * A statement whose text depends on tables of the dictionary, or of a load. The test knows every function that makes
 * one, and PREPAREs what it makes for sample tables.
 */
export function statementFor<Row extends QueryResultRow = QueryResultRow>(
  texts: TemplateStringsArray,
  ...values: readonly Piece[]
): Statement<Row> {
  return join(texts, values);
}

/** A fragment of statements, which can't be run alone. */
export function part(texts: TemplateStringsArray, ...values: readonly Piece[]): Part {
  return new Part(join(texts, values));
}

export class Part {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  static textOf(of: Part): string {
    return of.#text;
  }

  /** Text that it was put into would be one that no test has seen. */
  toString(): never {
    throw new Error('a part of a statement was put into a text that is not declared as one');
  }
}

export type Piece = string | number | Part;

/** For the test: every statement of the modules that were loaded. */
export function declaredStatements(): readonly string[] {
  return declared;
}

function join(texts: TemplateStringsArray, values: readonly Piece[]): string {
  const piece = (value: Piece | undefined) => (value instanceof Part ? Part.textOf(value) : (value ?? ''));
  return texts.map((text, i) => text + piece(values[i])).join('');
}
