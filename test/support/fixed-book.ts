import type { DictionaryBook } from '../../src/dictionary/dictionary-book.ts';
import type { Dictionary } from '../../src/types.ts';

/** A dictionary that never changes. */
export function fixedBook(dictionary: Dictionary): DictionaryBook {
  return {
    now: () => dictionary,
    look: async () => dictionary,
    table: async (name) => dictionary.tables.find((table) => table.name === name)!,
  };
}
