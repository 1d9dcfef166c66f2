// node restore.mjs TABLE [BACKUP]: says what a restore would change, then restores the table as it was at its backup
// (the latest unless one is named), and says how that is undone. What is replaced is backed up first.
import { run } from './longshore.mjs';

const [table, backup = 'latest'] = process.argv.slice(2);
const path = `/v1/tables/${table}/restore`;
const { changes } = await run(path, { backup, dryRun: true });
const { added, removed, changed } = changes[0];
console.log(`restoring ${table}: ${added} rows come back, ${removed} go, ${changed} change`);
const { safetyBackupId } = await run(path, { backup });
console.log(`done; to undo it: restore.mjs ${table} ${safetyBackupId}`);
