import { LongshoreError } from '../errors.ts';
import { quoted } from '../shorten.ts';
import type { Dictionary } from '../types.ts';
import { compileTable } from './compile-table.ts';
import type { CompiledTable } from './contract.ts';

/** A dictionary's tables by name, each compiled on its first use. The function throws `unknown-table`. */
export function compiledTables(dictionary: Dictionary): (name: string) => CompiledTable {
  const compiled = new Map<string, CompiledTable>();
  return (name) => {
    const known = compiled.get(name);
    if (known) return known;
    const table = dictionary.tables.find((one) => one.name === name);
    if (!table) {
      throw new LongshoreError('unknown-table', `the dictionary has no table ${quoted(name)}`);
    }
    const made = compileTable(table);
    compiled.set(name, made);
    return made;
  };
}
