import { isDeepStrictEqual } from 'node:util';
import type { Inferred } from '../../../src/infer/contract.ts';
import type { Field, Table } from '../../../src/types.ts';
import type { Answer, FieldAnswer } from './answers.ts';
import { type OwnReading, readByLongshore } from './longshore.ts';
import { type Score, scoreReading, withColumnsOf } from './score.ts';

/** Longshore's scores, a file each, and everything that is not as the answer says. */
export async function judgeOwn(
  answer: Answer,
): Promise<{ readonly scores: readonly Score[]; readonly faults: readonly string[] }> {
  const own = await readByLongshore(answer);
  const scores = own.files.map((file) => scoreReading(file.answer, file.reading));
  return { scores, faults: [...scores.flatMap(({ faults }) => faults), ...ownFaults(answer, own)] };
}

/** What only Longshore has a say in: names, keys, references, rules, and that it says what it guessed or lost. */
function ownFaults({ references = [] }: Answer, own: OwnReading): string[] {
  const faults = own.files.flatMap(({ answer: asked, file, table, reading }) => {
    const answer = withColumnsOf(asked, reading);
    const found: string[] = [];
    const expect = (what: string, good: boolean, received: unknown) => {
      if (!good) found.push(`${answer.file}: ${what}, received ${JSON.stringify(received)}`);
    };
    expect(`expected ${answer.rows} rows`, file.rows === answer.rows, file.rows);
    const said = file.badRows + Math.max(0, ...exceptionsOf(file.fields));
    const lost = answer.rows - reading.rows.length;
    expect(`expected ${lost} rows to be announced as rejects`, said >= Math.min(lost, 1), said);
    const { primaryKey } = answer;
    if (primaryKey) {
      const good = primaryKey.some((key) => isDeepStrictEqual(key, table.primaryKey));
      expect(
        `expected the key ${primaryKey.map((key) => key.join() || 'none').join(' or ')}`,
        good,
        table.primaryKey,
      );
    }
    for (const [at, field] of answer.fields.entries()) {
      const inferred = table.fields[at];
      if (inferred) found.push(...fieldFaults(answer.file, field, inferred, table, own.inferred));
    }
    return found;
  });
  const tableOf = (name: string) => own.files.find(({ answer }) => answer.file === name)?.table;
  for (const { from, fields, to, toFields } of references) {
    const target = tableOf(to)?.name;
    const good = tableOf(from)?.foreignKeys.some(
      (key) =>
        key.reference.table === target &&
        isDeepStrictEqual(key.fields, fields) &&
        isDeepStrictEqual(key.reference.fields, toFields),
    );
    if (!good)
      faults.push(
        `${from}: expected a reference by ${fields} to ${to}, received ${JSON.stringify(tableOf(from)?.foreignKeys)}`,
      );
  }
  return faults;
}

function exceptionsOf(fields: OwnReading['files'][number]['file']['fields']): number[] {
  return fields.flatMap(({ evidence }) => evidence.map(({ exceptions }) => exceptions));
}

function fieldFaults(
  file: string,
  answer: FieldAnswer,
  field: Field,
  table: Table,
  { warnings }: Inferred,
): string[] {
  const faults: string[] = [];
  const expect = (what: string, good: boolean, received: unknown) => {
    if (!good) faults.push(`${file}, ${field.name}: expected ${what}, received ${JSON.stringify(received)}`);
  };
  if (answer.name !== null)
    expect(`the name ${JSON.stringify(answer.name)}`, field.name === answer.name, field.name);
  const { required = false, unique = false, enum: members } = field.constraints;
  const inKey = table.primaryKey.includes(field.name);
  const onlyKey = inKey && table.primaryKey.length === 1;
  if (answer.required !== undefined)
    expect(`required ${answer.required}`, (required || inKey) === answer.required, required);
  if (answer.unique !== undefined)
    expect(`unique ${answer.unique}`, (unique || onlyKey) === answer.unique, unique);
  if (answer.enum === false) expect('no enum', members === undefined, members);
  else if (answer.enum) expect('another enum', isDeepStrictEqual(members?.toSorted(), answer.enum), members);
  if (answer.undecidable)
    expect(
      'a warning',
      warnings.some((text) => text.includes(field.name)),
      warnings,
    );
  return faults;
}
