import { showExample, type TypedColumn } from './choose-type.ts';
import type { Column } from './column.ts';
import type { Evidence } from './contract.ts';
import type { FieldName } from './names.ts';
import { BLANK, kindOf, NOTHING } from './shapes.ts';
import { counted, shown } from './show.ts';

const EXAMPLES = 3;

interface Of {
  readonly column: Column;
  readonly choice: TypedColumn;
  readonly members: readonly string[] | null;
  readonly unique: boolean;
  readonly name: FieldName;
  readonly decode: (bytes: Uint8Array) => string;
  readonly utf8: boolean;
}

/** What is said beside a field, the type first. */
export function fieldEvidence({ column, choice, members, unique, decode, utf8 }: Of): Evidence[] {
  const rows = choice.values;
  const evidence: Evidence[] = [
    {
      choice: describeType(choice),
      rows,
      exceptions: choice.exceptions,
      examples:
        choice.exceptions > 0
          ? (choice.exceptionExamples ?? []).map((one) => showExample(one, decode))
          : valueExamples(column, choice, decode),
      ...note(rows === 0 ? 'no row has a value' : [choice.note, rangeOf(column, choice, utf8)]),
    },
  ];
  const total = column.rows;
  if (choice.missingRows === 0 && rows > 0) {
    evidence.push({
      choice: 'required',
      rows: total,
      exceptions: 0,
      examples: [],
      note: 'no row is without a value',
    });
  } else if (choice.missing.length > 0) {
    evidence.push({
      choice: `no value: ${['', ...choice.missing].map(shown).join(', ')}`,
      rows: total,
      exceptions: 0,
      examples: nothingExamples(column, decode),
      note: `${choice.missingRows} of ${total} rows have no value`,
    });
  } else if (rows > 0) {
    evidence.push({
      choice: 'optional',
      rows: total,
      exceptions: 0,
      examples: [],
      note: `${choice.missingRows} of ${total} rows have no value`,
    });
  }
  if (unique) evidence.push({ choice: 'unique', rows, exceptions: 0, examples: [] });
  if (members !== null) {
    evidence.push({ choice: `one of ${members.map(shown).join(', ')}`, rows, exceptions: 0, examples: [] });
  }
  return evidence;
}

/** In words: `integer`, `a date as %d/%m/%Y`. */
export function describeType({ type, format, properties }: TypedColumn): string {
  const details: string[] = [];
  if (format !== undefined && format !== 'default')
    details.push(format === 'any' ? 'in any form' : `as ${format}`);
  if (properties.groupChar !== undefined)
    details.push(`thousands parted by ${shown(String(properties.groupChar))}`);
  if (properties.decimalChar !== undefined)
    details.push(`decimals by ${shown(String(properties.decimalChar))}`);
  if (properties.bareNumber === false) details.push('with a sign beside the number');
  return [type, ...details].join(', ').replace(`${type}, as`, `${type} as`);
}

function rangeOf(column: Column, { type, properties }: TypedColumn, utf8: boolean): string | undefined {
  if (type === 'string') {
    const [least, most] = column.textLengths(utf8);
    return least === most ? `${counted(least, 'character')} each` : `${least} to ${most} characters`;
  }
  if (type !== 'integer' || properties.groupChar !== undefined || column.maximum < column.minimum)
    return undefined;
  return `${column.minimum} to ${column.maximum}`;
}

function valueExamples(
  column: Column,
  { type, missing }: TypedColumn,
  decode: (bytes: Uint8Array) => string,
): string[] {
  const found: string[] = [];
  for (const [shape, count] of column.shapes) {
    // In a text a word such as "-" may be a value.
    const none = kindOf(shape) === NOTHING || kindOf(shape) === BLANK;
    if (none && (type !== 'string' || missing.includes(decode(count.examples[0]!.bytes)))) continue;
    for (const { bytes } of count.examples) {
      const text = shown(decode(bytes));
      if (!found.includes(text)) found.push(text);
    }
  }
  return found.slice(0, EXAMPLES);
}

function nothingExamples(column: Column, decode: (bytes: Uint8Array) => string): string[] {
  const found: string[] = [];
  for (const [shape, count] of column.shapes) {
    if (kindOf(shape) !== NOTHING && kindOf(shape) !== BLANK) continue;
    found.push(...count.examples.map((example) => showExample(example, decode)));
  }
  return found.slice(0, EXAMPLES);
}

function note(parts: string | readonly (string | undefined)[]): { readonly note?: string } {
  const text = typeof parts === 'string' ? parts : parts.filter((part) => part !== undefined).join('; ');
  return text === '' ? {} : { note: text };
}
