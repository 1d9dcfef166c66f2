// node load-file.mjs TABLE FILE: loads a CSV file, waits for the end, and shows the rows that were rejected.
import { openAsBlob } from 'node:fs';
import { api, ended } from './longshore.mjs';

const [table, file] = process.argv.slice(2);
const started = await api(`/v1/tables/${table}/loads`, {
  method: 'POST',
  headers: { 'content-type': 'text/csv' },
  // Read while it is sent: a file of any size takes little memory.
  body: await openAsBlob(file),
});
const { id, links } = await started.json();
const { rows } = await ended(links.self);
console.log(`load ${id} of ${table}: ${rows.read} read, ${rows.loaded} loaded, ${rows.rejected} rejected`);
process.stdout.write(await (await api(`${links.rejects}?format=csv`)).text());
