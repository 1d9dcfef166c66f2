// node back-up.mjs TABLE: backs a table up, proves the backup good by restoring it into a table of its own (a drill),
// and prints its ID.
import { run } from './longshore.mjs';

const [table] = process.argv.slice(2);
const backup = await run(`/v1/tables/${table}/backups`);
await run(`${backup.links.self}/verify`);
console.log(backup.id);
