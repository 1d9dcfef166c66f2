/** The peer: an endpoint that inserts the rows of a request with one statement, and nothing else. */
import type { AddressInfo } from 'node:net';
import express from 'express';
import pg from 'pg';

const COLUMNS = ['id', 'name', 'datetime', 'department_id', 'job_id'];

const pool = new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL, max: 10 });
const app = express();
app.use(express.json({ limit: '8mb' }));
app.post('/rows', async (req, res) => {
  const rows = req.body as Readonly<Record<string, unknown>>[];
  const values = rows.flatMap((row) => COLUMNS.map((column) => row[column]));
  const tuples = rows.map(
    (_, n) => `(${COLUMNS.map((_, at) => `$${n * COLUMNS.length + at + 1}`).join(', ')})`,
  );
  await pool.query(`insert into peer (${COLUMNS.join(', ')}) values ${tuples.join(', ')}`, values);
  res.status(201).json({ accepted: rows.length });
});
const server = app.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
process.once('disconnect', () => process.exit());
