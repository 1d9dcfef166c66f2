import { tableNameFault } from '../dictionary/parse-table.ts';
import { LongshoreError } from '../errors.ts';
import type { InferOptions, Inferred, InferSource } from './contract.ts';
import { type Described, describeFiles, describeScanned } from './describe-files.ts';
import { slotBudget } from './distinct-keys.ts';
import { type Beginning, readBeginning } from './read-beginning.ts';
import { findReferences, withPairKey } from './relate-tables.ts';
import { groupsOf, nameOf, type ScannedTable, scanGroup, textOptions } from './scan-files.ts';

export type * from './contract.ts';

/**
 * Finds the tables that CSV files are, from every row of them: encoding, dialect, header, types, rules, keys and
 * references, each with its evidence. Files are read twice, their beginning and all of it; memory stays bounded.
 *
 * @throws LongshoreError `file-not-csv` when a file is no text or has too many columns; `file-empty`;
 *   `body-too-large` when they have more than `maxBytes`; `invalid-request` for a table or a key that can not be
 */
export async function infer(sources: readonly InferSource[], options: InferOptions = {}): Promise<Inferred> {
  const overrides = options.overrides ?? {};
  if (sources.length === 0) throw new LongshoreError('file-missing', 'no file was given');
  if (overrides.table !== undefined) requireTableName(overrides.table);
  const beginnings: Beginning[] = [];
  for (const source of sources) {
    beginnings.push(await readBeginning(source, overrides, textOptions(options)));
  }
  const warnings: string[] = [];
  const budget = slotBudget();
  const tables: ScannedTable[] = [];
  const allowed = { bytes: options.maxBytes ?? Number.POSITIVE_INFINITY };
  let read = 0;
  for (const group of groupsOf(beginnings)) {
    tables.push(
      await scanGroup({ group, name: nameOf(group, tables, options), budget, allowed }, options, (bytes) => {
        read += bytes;
        options.progress?.(read);
      }),
    );
  }
  const described: Described[] = [];
  for (const table of tables)
    described.push(await withPairKey(describeScanned(table, options), options, budget));
  const references = await findReferences(described, options);
  const parts = described.map((table, index) => describeFiles(table, references[index]!));
  for (const { name } of options.tables ?? []) {
    if (tables.some((table) => table.name === name)) {
      warnings.push(
        `there is a table ${name} already: this one needs another name, unless it is to be the same`,
      );
    }
  }
  return {
    descriptor: { name: tables[0]!.name, resources: parts.map(({ resource }) => resource) },
    files: parts.flatMap(({ files }) => files),
    warnings: [...parts.flatMap((part) => part.warnings), ...warnings],
  };
}

function requireTableName(name: string): void {
  const fault = tableNameFault(name);
  if (fault === null) return;
  const detail = `table: ${fault}`;
  throw new LongshoreError('invalid-request', detail, { places: [{ parameter: 'table', detail }] });
}
