/** Asks for one address from so many clients for so long; a process of its own. */
import { Agent, request } from 'node:http';
import { median } from '../batch/median.ts';

export interface ReadPlan {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly clients: number;
  readonly seconds: number;
  /** What each answer has to be. */
  readonly status: number;
}

export interface ReadResult {
  readonly requestsPerSecond: number;
  /** Of a request, from its first byte to the end of its answer. */
  readonly medianMs: number;
}

const plan = JSON.parse(process.argv[2]!) as ReadPlan;
const agent = new Agent({ keepAlive: true, maxSockets: plan.clients });
const took: number[] = [];
const WARM_MS = 1_000;
const startAt = performance.now() + WARM_MS;
const endAt = startAt + plan.seconds * 1000;

function read(): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(plan.url, { agent, headers: plan.headers }, (answer) => {
      answer.resume();
      answer.on('end', () => {
        if (answer.statusCode === plan.status) resolve();
        else reject(new Error(`${plan.url} answered ${answer.statusCode}`));
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

async function client(): Promise<void> {
  for (;;) {
    const startedAt = performance.now();
    if (startedAt >= endAt) return;
    await read();
    const now = performance.now();
    if (startedAt >= startAt && now <= endAt) took.push(now - startedAt);
  }
}

await Promise.all(Array.from({ length: plan.clients }, client));
agent.destroy();
const result: ReadResult = { requestsPerSecond: took.length / plan.seconds, medianMs: median(took) };
process.stdout.write(JSON.stringify(result));
