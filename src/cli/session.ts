import { ApiClient } from './api-client.ts';
import type { TargetOptions } from './target.ts';

/** Options that every command takes. */
export interface GlobalOptions extends TargetOptions {
  readonly json?: boolean;
}

/** What a command works with. */
export interface Session {
  readonly api: ApiClient;
  readonly json: boolean;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
  /** Data, on stdout: as one line of JSON when that was asked for, else as text. */
  print(data: unknown, text: () => string): void;
  /** Everything else, on stderr. */
  say(message: string): void;
}

export async function openSession(options: GlobalOptions): Promise<Session> {
  const interrupted = new AbortController();
  // Once: a second Ctrl-C ends the process at once, as people expect.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const json = options.json ?? false;
  // Reading the home takes zod, which `--help` and a refused option have no use for.
  const { findTarget } = await import('./target.ts');
  return {
    api: new ApiClient(await findTarget(options)),
    json,
    signal: interrupted.signal,
    print: (data, text) => void process.stdout.write(`${json ? JSON.stringify(data) : text()}\n`),
    say: (message) => void process.stderr.write(`${message}\n`),
  };
}
