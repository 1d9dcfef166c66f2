/** The other peer: an endpoint that commits each row by a workflow of its own; and how long an empty workflow takes. */
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import express from 'express';
import pg from 'pg';
import { median } from './median.ts';

const QUEUE = 'bench';

const pool = new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL, max: 10 });

export function createActivities() {
  return {
    async insertHire(row: readonly unknown[]): Promise<void> {
      await pool.query('insert into peer values ($1, $2, $3, $4, $5)', [...row]);
    },
  };
}

const logger = new DefaultLogger('ERROR');
Runtime.install({ shutdownSignals: [], logger });
const connection = await NativeConnection.connect({ address: process.env.BENCH_TEMPORAL_ADDRESS });
const workflowsPath = fileURLToPath(new URL('workflows.ts', import.meta.url));
const worker = await Worker.create({
  connection,
  taskQueue: QUEUE,
  workflowBundle: await bundleWorkflowCode({ workflowsPath, logger }),
  activities: createActivities(),
});
const running = worker.run();
const client = new Client({ connection });
let started = 0;

function execute(type: string, args: unknown[]): Promise<unknown> {
  const workflowId = `bench-${process.pid}-${started++}`;
  return client.workflow.execute(type, { workflowId, taskQueue: QUEUE, args, requestEagerStart: true });
}

/** Median of the time that an empty workflow takes, one after the other, in ms. */
async function timeNothing(times: number): Promise<number> {
  const took: number[] = [];
  for (let n = 0; n < times; n++) {
    const startedAt = performance.now();
    await execute('nothing', []);
    took.push(performance.now() - startedAt);
  }
  return median(took);
}

const app = express();
app.use(express.json());
app.post('/rows', async (req, res) => {
  const [row] = req.body as [Readonly<Record<string, unknown>>];
  await execute('commitRow', [[row.id, row.name, row.datetime, row.department_id, row.job_id]]);
  res.status(201).json({ accepted: 1 });
});
app.get('/nothing/:times', async (req, res) => {
  res.json({ ms: await timeNothing(Number(req.params.times)) });
});
const server = app.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
process.once('disconnect', async () => {
  worker.shutdown();
  await running;
  process.exit();
});
