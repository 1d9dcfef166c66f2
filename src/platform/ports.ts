import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { LongshoreError } from '../errors.ts';
import type { ProgressLog } from '../runtime/logger.ts';

/**
 * Below the ranges that Linux (32768 on) and macOS (49152 on) hand to outgoing connections: a port from there
 * could be taken by any client at the moment of a restart.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;

/** A server's wish for a port. */
export interface PortWish {
  /** Begins sentences: `Temporal's Web UI`. */
  readonly who: string;
  /** The variable that sets it. */
  readonly variable: string;
  /** The variable's value, in which case no other port is chosen. */
  readonly given: number | undefined;
  /** What to try first, the dearest first. */
  readonly preferred?: readonly (number | undefined)[];
}

/**
 * Chooses a port that nobody listens on. When another program has the preferred one, both ports are reported.
 * @throws LongshoreError `config-invalid` when the port is given and not free
 */
export async function choosePort(
  { who, variable, given, preferred = [] }: PortWish,
  taken: readonly number[],
  log: ProgressLog,
): Promise<number> {
  if (given !== undefined) {
    if (!taken.includes(given) && (await portIsFree(given))) return given;
    throw new LongshoreError(
      'config-invalid',
      `${variable}: another program uses 127.0.0.1:${given}; stop it, choose another port, or leave the variable out`,
    );
  }
  const port = await freePort(preferred, taken);
  const first = preferred.find((one) => one !== undefined);
  if (first !== undefined && port !== first) {
    log.info(`${who} takes port ${port}: another program uses ${first} (${variable} sets one)`);
  }
  return port;
}

/** The first of `preferred` that nobody listens on, else any free port; never one of `taken`. */
export async function freePort(
  preferred: readonly (number | undefined)[] = [],
  taken: readonly number[] = [],
  host = '127.0.0.1',
): Promise<number> {
  for (const port of preferred) {
    if (port !== undefined && !taken.includes(port) && (await portIsFree(port, host))) return port;
  }
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (!taken.includes(port) && (await portIsFree(port, host))) return port;
  }
  throw new Error(`no free port between ${FIRST_PORT} and ${LAST_PORT} on ${host}`);
}

/** True when a server could listen on this port now. */
export function portIsFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
