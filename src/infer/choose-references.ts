import type { Evidence } from './contract.ts';
import type { Reference } from './describe-files.ts';
import type { ReferenceTrial } from './reference-trial.ts';

/** Of the values of a field: below this share one that looks like a reference is not worth a word. */
const CLOSE_SHARE = 0.9;

export interface Chosen {
  readonly good: readonly ReferenceTrial[];
  /** Why they are none, although every value is there. */
  readonly doubts: ReadonlyMap<ReferenceTrial, string>;
}

const SEVERAL = 'they are in another table that is called like it as well, and nothing says which is meant';
const COUNTING = 'they are as well the numbers of a count or an order, and the field is not called as an ID';

/**
 * Of several keys that fields may refer to and that have all their values: the files' own tables first, then the table
 * that is there whose name fits best. Where two of these fit as well, neither: a wrong reference rejects good rows.
 */
export function chooseReferences(trials: readonly ReferenceTrial[]): Chosen {
  const good: ReferenceTrial[] = [];
  const doubts = new Map<ReferenceTrial, string>();
  const whole = trials.filter(
    ({ rows, outside, unknown }) => rows > 0 && (outside === 0 || unknown !== null),
  );
  for (const ofFields of Map.groupBy(whole, ({ possible }) => namesOf(possible.fields)).values()) {
    const ofFiles = ofFields.find(({ possible }) => possible.to.keys !== null);
    if (ofFiles !== undefined) {
      good.push(ofFiles);
      continue;
    }
    const most = Math.max(...ofFields.map(({ possible }) => possible.likeness));
    const best = ofFields.filter(({ possible }) => possible.likeness === most);
    if (best.some(({ unknown }) => unknown !== null)) continue;
    const isSeveral = new Set(best.map(({ possible }) => possible.to.table)).size > 1;
    if (isSeveral) for (const trial of best) doubts.set(trial, SEVERAL);
    else if (counts(best[0]!)) doubts.set(best[0]!, COUNTING);
    else good.push(best[0]!);
  }
  return { good, doubts };
}

/** 1, 2, 3 … as a place in an order or a number of stars has them: they are among the IDs of any table. */
function counts({ possible: { fields, isId }, compared }: ReferenceTrial): boolean {
  const range = fields[0]!.range;
  if (isId || range === undefined) return false;
  return (range.least === 0 || range.least === 1) && range.most - range.least + 1 === compared;
}

function namesOf(fields: readonly { readonly name: string }[]): string {
  return fields.map(({ name }) => name).join(', ');
}

export function referenceOf({ possible: { fields, to } }: ReferenceTrial): Reference {
  return {
    fields: fields.map(({ name }) => name),
    reference: { resource: to.table, fields: to.fields.map(({ name }) => name) },
  };
}

export function evidenceOf(trial: ReferenceTrial, { good, doubts }: Chosen): Evidence[] {
  const { possible, rows, compared, outside, unknown } = trial;
  const from = namesOf(possible.fields);
  const { table, fields } = possible.to;
  const target = `${table} (${namesOf(fields)})`;
  const none = `${from} refers to nothing`;
  const evidence = (choice: string, exceptions: number, note: string): Evidence[] => [
    { choice, rows, exceptions, examples: trial.examples, note },
  ];
  const place = fields.length === 1 ? `${table}.${fields[0]!.name}` : target;
  const all = `all ${counted(compared)} values${trial.isSample ? ' that were looked up, a sample,' : ''} are in ${place}`;
  if (good.includes(trial)) return evidence(`${from} refers to ${target}`, 0, all);
  // What the fields refer to is found.
  if (good.some((other) => namesOf(other.possible.fields) === from)) return [];
  const doubt = doubts.get(trial);
  if (doubt !== undefined) return evidence(none, 0, `${all}; ${doubt}`);
  if (unknown !== null)
    return evidence(none, 0, `whether its values are in ${place} is not known: ${unknown}`);
  if (outside === 0 || outside > compared * (1 - CLOSE_SHARE)) return [];
  const some = `${counted(outside)} of ${counted(compared)} values are not in ${target}, or it would refer to it`;
  return evidence(none, outside, some);
}

function counted(count: number): string {
  return count.toLocaleString('en-US');
}
