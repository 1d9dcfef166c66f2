import assert from 'node:assert/strict';
import { departmentsCsv, jobsCsv } from '../../../src/sample/generate.ts';
import { DEPARTMENTS, JOBS } from './batches.ts';
import type { Target } from './client.ts';

/** Loads what the storm's batches of hires refer to. */
export async function loadReferences({ url, key }: Target): Promise<void> {
  const options = { seed: 1, hires: 0, departments: DEPARTMENTS, jobs: JOBS };
  const files = { departments: departmentsCsv(options), jobs: jobsCsv(options) };
  for (const [table, csv] of Object.entries(files)) {
    const response = await fetch(`${url}/v1/tables/${table}/loads`, {
      method: 'POST',
      headers: { 'x-api-key': key, 'content-type': 'text/csv', prefer: 'wait=50' },
      body: new Uint8Array(csv),
    });
    assert.equal(response.status, 201, await response.text());
  }
}
