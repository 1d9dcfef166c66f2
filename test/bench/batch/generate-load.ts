/** Sends batches from so many clients for so long; a process of its own, with one request prepared for each client. */
import { Agent, request } from 'node:http';
import { median } from './median.ts';

export interface LoadPlan {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly clients: number;
  readonly rows: number;
  readonly seconds: number;
  /** IDs of the rows count up from here. */
  readonly firstId: number;
}

export interface LoadResult {
  readonly rowsPerSecond: number;
  readonly requests: number;
  /** Of a request, from its first byte to the end of its answer. */
  readonly medianMs: number;
}

const plan = JSON.parse(process.argv[2]!) as LoadPlan;
const agent = new Agent({ keepAlive: true, maxSockets: plan.clients });
const took: number[] = [];
let nextId = plan.firstId;
const WARM_MS = 1_000;
const startAt = performance.now() + WARM_MS;
const endAt = startAt + plan.seconds * 1000;

function body(): string {
  const rows: string[] = [];
  for (let n = 0; n < plan.rows; n++) {
    const id = nextId++;
    rows.push(
      `{"id":${id},"name":"Name of ${id}","datetime":"2021-11-07T02:48:42Z","department_id":${1 + (id % 12)},"job_id":${1 + (id % 100)}}`,
    );
  }
  return `[${rows.join(',')}]`;
}

function send(text: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = {
      method: 'POST',
      agent,
      headers: {
        ...plan.headers,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
      },
    };
    const sent = request(plan.url, options, (answer) => {
      let said = '';
      answer.setEncoding('utf8').on('data', (piece) => {
        said += piece;
      });
      answer.on('end', () => {
        if (answer.statusCode === 201) resolve(201);
        else reject(new Error(`${answer.statusCode}: ${said.slice(0, 500)}`));
      });
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

async function client(): Promise<void> {
  for (;;) {
    const text = body();
    const startedAt = performance.now();
    if (startedAt >= endAt) return;
    await send(text);
    const now = performance.now();
    if (startedAt >= startAt && now <= endAt) took.push(now - startedAt);
  }
}

await Promise.all(Array.from({ length: plan.clients }, client));
agent.destroy();
const result: LoadResult = {
  rowsPerSecond: (took.length * plan.rows) / plan.seconds,
  requests: took.length,
  medianMs: median(took),
};
process.stdout.write(JSON.stringify(result));
