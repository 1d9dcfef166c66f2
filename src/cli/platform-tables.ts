import { Place } from '../dictionary/faults.ts';
import { parseTable } from '../dictionary/parse-table.ts';
import type { KeyQuestion, LookUpKeys } from '../infer/contract.ts';
import type { Table } from '../types.ts';
import { type Problem, readObject } from './api-client.ts';
import type { Session } from './session.ts';

/** The tables of the running platform, and a way to find out which keys they have. */
export interface PlatformTables {
  readonly tables: readonly Table[];
  readonly lookUpKeys: LookUpKeys;
}

export async function platformTables({ api, signal }: Session): Promise<PlatformTables> {
  const { resources } = await api.json<{ readonly resources: readonly unknown[] }>('/v1/dictionary', {
    signal,
  });
  return {
    // One by one: a key that is limited to tables does not see all that they refer to.
    tables: resources.map((resource) => parseTable(resource, new Place())),
    lookUpKeys: async ({ table, fields, keys }: KeyQuestion) => {
      const { status, text } = await api.exchange(`/v1/tables/${encodeURIComponent(table)}/look-up`, {
        method: 'POST',
        signal,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ fields, keys }),
      });
      const { missing, detail } = readObject<Problem & { readonly missing: readonly number[] }>(text);
      if (status !== 200 || missing === undefined) return { unknown: detail ?? `the API answered ${status}` };
      const gone = new Set(missing);
      return keys.map((_, at) => !gone.has(at));
    },
  };
}
