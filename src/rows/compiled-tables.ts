import type { Table } from '../types.ts';
import { compileTable } from './compile-table.ts';
import type { CompiledTable } from './contract.ts';

/** By the definition itself, not by its name: a table may be removed, and another one made under its name. */
const compiled = new WeakMap<Table, CompiledTable>();

/** A table's rules, compiled on their first use. */
export function compiledTable(table: Table): CompiledTable {
  let made = compiled.get(table);
  if (made === undefined) {
    made = compileTable(table);
    compiled.set(table, made);
  }
  return made;
}
