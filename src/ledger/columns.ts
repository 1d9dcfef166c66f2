import { p, Type } from '@mikro-orm/postgresql';

/** Columns of types that MikroORM maps otherwise than the driver does: here both give the same value. */

/** `double precision`: counts and sums, which are whole numbers up to 2^53. */
export function number() {
  return p.double().$type<number>().runtimeType('number');
}

export function bytea() {
  return p.blob().$type<Buffer>();
}

export function texts<Element extends string = string>() {
  return p.type(TextArray).$type<readonly Element[]>();
}

/**
 * A `text[]` column. MikroORM's own array type leaves elements unquoted, so that PostgreSQL reads the text `null` as no
 * value, trims spaces and takes `\n` for an n; here every element is quoted (PostgreSQL, "Array Value Input", 8.15.6).
 */
class TextArray extends Type<readonly string[], string> {
  override convertToDatabaseValue(elements: readonly string[]): string {
    const quoted = elements?.map((element) => `"${element.replaceAll(/["\\]/g, '\\$&')}"`);
    return quoted && `{${quoted.join(',')}}`;
  }

  /** The driver has parsed it. */
  override convertToJSValue(elements: unknown): readonly string[] {
    return elements as readonly string[];
  }

  override getColumnType(): string {
    return 'text[]';
  }
}
