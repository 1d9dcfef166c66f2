import { chooseReferences, evidenceOf, referenceOf } from './choose-references.ts';
import type { Evidence, InferOptions, KnownTable } from './contract.ts';
import { type Described, describeScanned, type Reference } from './describe-files.ts';
import { type DistinctKeys, type SlotBudget, slotBudget } from './distinct-keys.ts';
import { addPairs, FirstField, pairTrials } from './pair-keys.ts';
import { ReferenceTrial } from './reference-trial.ts';
import {
  type PossibleReference,
  possibleReferences,
  type Referable,
  type ReferenceField,
  referableKeys,
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

/** What all sets of keys that tables that are there are asked for hold together: some two million keys. */
const MOST_ASKED_SLOTS = 4 * 1024 * 1024;
const MOST_ASKING = 100;

/** References between the files' tables, and to those that are there: each row that has a value has to lead somewhere. */
export async function findReferences(
  described: readonly Described[],
  options: InferOptions,
): Promise<FoundReferences[]> {
  const keys = [...described.flatMap(keysOf), ...keysThatAreThere(described, options)];
  const found: FoundReferences[] = [];
  const leads = new Map<string, Set<string>>();
  for (const one of described) {
    const { name } = one.scanned;
    const known = options.tables?.find((table) => table.name === name);
    const possible = possibleReferences(
      { name, fields: fieldsOf(one), primaryKey: one.table.key?.fields ?? [] },
      keys,
    ).filter((reference) => !leadsTo(leads, reference.to.table, name) && mayLead(reference, known));
    const trials = await tryReferences(one, possible, options);
    const chosen = chooseReferences(trials);
    leads.set(name, new Set(chosen.good.map(({ possible: { to } }) => to.table)));
    found.push({
      keys: chosen.good.map(referenceOf),
      evidence: trials.flatMap((trial) => evidenceOf(trial, chosen)),
    });
  }
  return found;
}

/** Those of the tables that are there, but for tables that are of the files as well. */
function keysThatAreThere(
  described: readonly Described[],
  { tables = [], lookUpKeys }: InferOptions,
): Referable[] {
  if (lookUpKeys === undefined) return [];
  const names = new Set(described.map(({ scanned }) => scanned.name));
  return tables.filter(({ name }) => !names.has(name)).flatMap(referableKeys);
}

/**
 * A table that is there keeps the references that it has: what came since is no reason to define it otherwise, or the same
 * file could not be added once more.
 */
function mayLead({ fields, to }: PossibleReference, known: KnownTable | undefined): boolean {
  if (known === undefined || to.keys !== null) return true;
  return known.foreignKeys.some(
    ({ fields: from, reference }) =>
      reference.table === to.table &&
      isSameList(
        from,
        fields.map(({ name }) => name),
      ) &&
      isSameList(
        reference.fields,
        to.fields.map(({ name }) => name),
      ),
  );
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, at) => name === other[at]);
}

async function tryReferences(
  { scanned, decode }: Described,
  possible: readonly PossibleReference[],
  options: InferOptions,
): Promise<ReferenceTrial[]> {
  if (possible.length === 0) return [];
  const budget = slotBudget(MOST_ASKED_SLOTS);
  const asking = possible.filter(({ to }) => to.keys === null).slice(0, MOST_ASKING);
  const trials = possible
    .filter((one) => one.to.keys !== null || asking.includes(one))
    .map((one) => new ReferenceTrial(one, budget));
  const { lookUpKeys } = options;
  const ask = async (all: boolean) => {
    if (lookUpKeys === undefined) return;
    for (const trial of trials) {
      options.signal?.throwIfAborted();
      await trial.ask(lookUpKeys, all);
    }
  };
  await readAgain(
    scanned,
    options,
    (cells) => {
      for (const trial of trials) trial.add(cells, decode);
    },
    async () => {
      await ask(false);
      return trials.every(({ isSettled }) => isSettled);
    },
  );
  await ask(true);
  for (const trial of trials) trial.release();
  return trials;
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
    ...(typed.type === 'integer' && column.minimum <= column.maximum
      ? { range: { least: column.minimum, most: column.maximum } }
      : {}),
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
