/** The peer: an endpoint that selects the rows of one year from the report's view, and nothing else. */
import type { AddressInfo } from 'node:net';
import express from 'express';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL, max: 10 });
const app = express();
// Hashing each answer would only cost it time.
app.set('etag', false);
app.get('/report', async (req, res) => {
  const { rows } = await pool.query({
    name: 'report',
    text: `select department, job, "Q1", "Q2", "Q3", "Q4" from longshore_report."hires-by-quarter"
            where year = $1 order by department, job`,
    values: [req.query.year],
  });
  res.json(rows);
});
const server = app.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
process.once('disconnect', () => process.exit());
