import { quoteName } from '../db/sql-names.ts';
import { isRefusal } from '../db/sqlstate.ts';
import { casterFor } from '../rows/caster.ts';
import { columnType } from '../rows/column-type.ts';
import type { Field, Table } from '../types.ts';
import { refuseBroken } from './measure-tables.ts';
import type { TableReads } from './table-reads.ts';
import { liveName } from './table-state.ts';

/** Tells which keys tables have. */
export interface KeyLookups {
  /**
   * @param fields a key of the table: its primary key, a unique key or a unique field
   * @param keys texts as a file of the table would have them
   * @returns whether the table has each of them, in their order
   * @throws LongshoreError `table-locked`, `table-slow`, `table-broken`
   */
  lookUp(table: Table, fields: readonly string[], keys: readonly (readonly string[])[]): Promise<boolean[]>;
}

export function createKeyLookups(reads: TableReads): KeyLookups {
  return {
    async lookUp(table, fields, keys) {
      const of = fields.map((name) => table.fields.find((field) => field.name === name)!);
      const casters = of.map((field) => casterFor(field));
      const there = keys.map(() => false);
      const places: number[] = [];
      const columns: string[][] = of.map(() => []);
      for (const [place, key] of keys.entries()) {
        const values = casters.map((caster, at) => castKey(key[at]!, caster));
        // What is no value of the field can not be there.
        if (!values.every((value) => value !== null)) continue;
        places.push(place);
        for (const [at, value] of values.entries()) columns[at]!.push(value);
      }
      if (places.length === 0) return there;
      const found = await reads.of(table.name, (db) =>
        db.query<{ no: number }>(lookUpSql(table, of), columns).catch(async (error) => {
          if (isRefusal(error)) await refuseBroken(db, table, error);
          throw error;
        }),
      );
      for (const { no } of found) there[places[no - 1]!] = true;
      return there;
    },
  };
}

function castKey(text: string, { cast }: { readonly cast: (cell: string) => string | null }): string | null {
  return text.includes('\0') ? null : cast(text);
}

function lookUpSql(table: Table, fields: readonly Field[]): string {
  const lists = fields.map((field, at) => `$${at + 1}::${comparedType(field)}[]`).join(', ');
  const names = fields.map((_, at) => `k${at}`).join(', ');
  const same = fields.map(({ name }, at) => `live.${quoteName(name)} = asked.k${at}`).join(' and ');
  return `
    select asked.no::int as no from unnest(${lists}) with ordinality as asked (${names}, no)
     where exists (select from ${liveName(table)} live where ${same})`;
}

/** An integer is compared as a bigint, which holds whatever the file has; the index of a smaller one serves it, too. */
function comparedType(field: Field): string {
  const type = columnType(field);
  return type === 'integer' ? 'bigint' : type;
}
