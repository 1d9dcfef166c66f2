import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { LongshoreError } from '../../src/errors.ts';
import type { AddRequest } from '../../src/tables/add-tables.ts';
import type { TableChanges } from '../../src/tables/table-changes.ts';

/** Takes any tables, and keeps none. */
export class FakeChanges implements TableChanges {
  async add({ descriptor }: AddRequest) {
    const given = descriptor as { resources?: unknown };
    const dictionary = parseDictionary(given.resources === undefined ? { resources: [given] } : given);
    const { tables } = dictionary;
    return { dictionary, tables, added: tables.map(({ name }) => name), statements: [], warnings: [] };
  }

  async remove({ name, by }: { readonly name: string; readonly by: string }) {
    const at = '2026-11-27T00:00:00.000Z';
    return { id: 1, table: name, rows: 0, bytes: 0, removedBy: by, removedAt: at, dropAt: at };
  }

  async removed() {
    return [];
  }

  async bringBack(id: number): Promise<never> {
    throw new LongshoreError('unknown-removed-table', `there is no removed table ${id}`);
  }

  async history() {
    return [];
  }

  async drop(id: number): Promise<never> {
    throw new LongshoreError('unknown-removed-table', `there is no removed table ${id}`);
  }
}
