import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
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
}
