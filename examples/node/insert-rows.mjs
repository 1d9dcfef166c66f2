// node insert-rows.mjs TABLE FILE: sends a JSON array of rows in batches of up to 1000. Each batch has an
// Idempotency-Key made of its content: whatever is sent again, by a retry or by a second run of this program, goes in
// once, and gets the answer of the first time.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ApiError, api } from './longshore.mjs';

const BATCH_ROWS = 1000;

const [table, file] = process.argv.slice(2);
const rows = JSON.parse(await readFile(file, 'utf8'));
for (let start = 0; start < rows.length; start += BATCH_ROWS) {
  const body = JSON.stringify(rows.slice(start, start + BATCH_ROWS));
  const batch = await send(body);
  console.log(`batch ${batch.id}: ${batch.accepted} accepted`);
  for (const { index, errors } of batch.rejected) {
    console.log(`row ${start + index}: ${errors.map(({ message }) => message).join('; ')}`);
  }
}

async function send(body) {
  const key = createHash('sha256').update(`${table} ${body}`).digest('hex');
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  try {
    return await (await api(`/v1/tables/${table}/rows`, { method: 'POST', headers, body })).json();
  } catch (error) {
    // Every row of the batch broke a rule: an answer like the others.
    if (!(error instanceof ApiError) || error.problem.code !== 'batch-rejected') throw error;
    const { batch, rejected } = error.problem;
    return { ...batch, rejected };
  }
}
