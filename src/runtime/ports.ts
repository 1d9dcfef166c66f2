import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ranges that Linux (32768 on) and macOS (49152 on) hand to outgoing connections: a port from there
 * could be taken by any client at the moment of a restart.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;

/** The first of `preferred` that nobody listens on, else any free port; never one of `taken`. */
export async function freePort(
  preferred: readonly (number | undefined)[] = [],
  taken: readonly number[] = [],
): Promise<number> {
  for (const port of preferred) {
    if (port !== undefined && !taken.includes(port) && (await portIsFree(port))) return port;
  }
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (!taken.includes(port) && (await portIsFree(port))) return port;
  }
  throw new Error(`no free port between ${FIRST_PORT} and ${LAST_PORT} on 127.0.0.1`);
}

/** True when a server could listen on this port now. */
export function portIsFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
