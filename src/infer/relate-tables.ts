import type { Evidence, InferOptions } from './contract.ts';
import { type Described, describeScanned, type Reference } from './describe-files.ts';
import type { DistinctKeys, SlotBudget } from './distinct-keys.ts';
import { addPairs, FirstField, pairTrials } from './pair-keys.ts';
import {
  type Referable,
  type ReferenceField,
  type ReferenceTrial,
  referableKeys,
  referenceTrials,
} from './references.ts';
import { readAgain } from './scan-files.ts';

/** Keys of two fields that were found, with the set of their values. */
const PAIRS = new WeakMap<Described, DistinctKeys>();

/** Looks at the rows of a table without a key once more, for two fields that are one together. */
export async function withPairKey(
  described: Described,
  options: InferOptions,
  budget: SlotBudget,
): Promise<Described> {
  const { table, places, scanned, rows } = described;
  if (table.key !== null || options.overrides?.primaryKey !== undefined) return described;
  const trials = pairTrials(table.candidates, rows, budget);
  if (trials.length === 0) return described;
  const first = new FirstField(budget);
  await readAgain(
    scanned,
    options,
    (cells) => {
      first.add(cells, places[0]!);
      addPairs(trials, cells, places);
    },
    () => trials.every(({ keys }) => keys === null),
  );
  const found = trials.find(({ keys }) => keys !== null);
  if (first.endsNearlyUnique() || found === undefined) return described;
  const fields = found.fields.map((field) => table.candidates[field]!.name);
  const note = 'no field alone has another value in each row, these have together';
  const again = describeScanned(scanned, options, { fields, others: [], note });
  PAIRS.set(again, found.keys!);
  return again;
}

export interface FoundReferences {
  readonly keys: readonly Reference[];
  readonly evidence: readonly Evidence[];
}

/** Below this share of its rows a field that looks like a reference is not worth a word. */
const CLOSE_SHARE = 0.9;

/** References between the files' tables, and to those that are there: each row that has a value has to lead somewhere. */
export async function findReferences(
  described: readonly Described[],
  options: InferOptions,
): Promise<FoundReferences[]> {
  const keys = [
    ...described.flatMap(keysOf),
    ...(options.included === undefined ? [] : (options.tables ?? []).flatMap(referableKeys)),
  ];
  const found: FoundReferences[] = [];
  const leads = new Map<string, Set<string>>();
  for (const one of described) {
    const { name } = one.scanned;
    const trials = referenceTrials(name, fieldsOf(one), one.table.key?.fields ?? [], keys).filter(
      ({ to }) => !leadsTo(leads, to.table, name),
    );
    if (trials.length > 0) {
      await readAgain(one.scanned, options, (cells) => {
        for (const trial of trials) trial.add(cells, one.decode);
      });
      for (const trial of trials) await askTable(trial, options);
    }
    const good = bestOf(trials);
    leads.set(name, new Set(good.map(({ to }) => to.table)));
    found.push({
      keys: good.map(referenceOf),
      evidence: trials.flatMap((trial) => evidenceOf(trial, good.includes(trial))),
    });
  }
  return found;
}

function keysOf(described: Described): Referable[] {
  const { table, scanned } = described;
  const pair = PAIRS.get(described);
  return [table.key?.fields ?? [], ...table.unique.map((name) => [name])]
    .filter((fields) => fields.length > 0)
    .flatMap((fields) => {
      const parts = fields.map((name) => table.candidates.find((candidate) => candidate.name === name)!);
      const keys = fields.length > 1 ? pair : parts[0]?.column.keys;
      if (keys === undefined || keys === null || parts.includes(undefined!)) return [];
      return [
        { table: scanned.name, fields: parts.map(({ name, typed }) => ({ name, type: typed.type })), keys },
      ];
    });
}

function fieldsOf({ table, places }: Described): ReferenceField[] {
  return table.candidates.map(({ name, column, typed }, index) => ({
    name,
    type: typed.type,
    place: places[index]!,
    exact:
      typed.exceptions === 0 &&
      typed.values > 0 &&
      (typed.type === 'string' || (typed.type === 'integer' && column.shapes.size <= 4)),
    missing: typed.missing,
  }));
}

/** Tables may not refer to each other in a circle. */
function leadsTo(leads: ReadonlyMap<string, ReadonlySet<string>>, from: string, to: string): boolean {
  if (from === to) return false;
  const seen = new Set<string>();
  const next = [from];
  for (let table = next.pop(); table !== undefined; table = next.pop()) {
    if (seen.has(table)) continue;
    seen.add(table);
    for (const one of leads.get(table) ?? []) {
      if (one === to) return true;
      next.push(one);
    }
  }
  return false;
}

async function askTable(trial: ReferenceTrial, { included }: InferOptions): Promise<void> {
  if (trial.to.keys !== null || included === undefined || trial.asked.size === 0) return;
  const values = [...trial.asked];
  const there = new Set(await included(trial.to.table, trial.to.fields[0]!.name, values));
  const outside = values.filter((value) => !there.has(value));
  trial.outside = outside.length;
  trial.examples.push(...outside.slice(0, 3));
}

/** Of several keys that a field may refer to, the first whose values all are there; the file's own tables first. */
function bestOf(trials: readonly ReferenceTrial[]): ReferenceTrial[] {
  const taken = new Set<string>();
  return trials.filter((trial) => {
    const name = trial.fields.map((field) => field.name).join('\0');
    if (trial.rows === 0 || trial.outside > 0 || taken.has(name)) return false;
    taken.add(name);
    return true;
  });
}

function referenceOf({ fields, to }: ReferenceTrial): Reference {
  return {
    fields: fields.map(({ name }) => name),
    reference: { resource: to.table, fields: to.fields.map(({ name }) => name) },
  };
}

function evidenceOf(trial: ReferenceTrial, isChosen: boolean): Evidence[] {
  const { fields, to, rows, outside } = trial;
  const of = to.keys === null ? trial.asked.size : rows;
  if (!isChosen && (of === 0 || outside > of * (1 - CLOSE_SHARE) || outside === 0)) return [];
  const from = fields.map(({ name }) => name).join(', ');
  const target = `${to.table} (${to.fields.map(({ name }) => name).join(', ')})`;
  return [
    {
      choice: isChosen ? `${from} refers to ${target}` : `${from} refers to nothing`,
      rows,
      exceptions: isChosen ? 0 : outside,
      examples: trial.examples,
      note: isChosen
        ? `all ${of} values are there${trial.isSample ? ', of those that were asked for' : ''}`
        : `${outside} of ${of} values are not in ${target}, or it would refer to it`,
    },
  ];
}
