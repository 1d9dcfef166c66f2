import type { Table } from '../types.ts';
import type { Place } from './faults.ts';

/**
 * Orders tables so that each comes after those it references, and otherwise as they were listed. A circle of
 * tables is refused: no order could load it with its references checked. (A table may reference itself.)
 */
export function orderTables(tables: readonly Table[], place: Place): readonly Table[] {
  const ordered: Table[] = [];
  const path: string[] = [];
  const visit = (table: Table): void => {
    if (ordered.includes(table)) return;
    const start = path.indexOf(table.name);
    if (start >= 0) {
      const circle = [...path.slice(start), table.name].join(' → ');
      place
        .at(tables.indexOf(table))
        .at('schema')
        .at('foreignKeys')
        .fault(`the references of these tables go in a circle: ${circle}`);
      return;
    }
    path.push(table.name);
    for (const { reference } of table.foreignKeys) {
      const target = tables.find((one) => one.name === reference.table);
      if (target && target !== table) visit(target);
    }
    path.pop();
    if (!ordered.includes(table)) ordered.push(table);
  };
  for (const table of tables) visit(table);
  return ordered;
}
