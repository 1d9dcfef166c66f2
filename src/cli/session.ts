import { ApiClient } from './api-client.ts';
import type { CommandContext } from './context.ts';
import { noProgress, type Progress, startProgress } from './progress.ts';
import type { TargetOptions } from './target.ts';

/** Options that every command takes. */
export interface GlobalOptions extends TargetOptions {
  readonly json?: boolean;
  /** Set by `program`, not by people. */
  readonly context: CommandContext;
}

/** A command's means of input, output and requests. */
export interface Session {
  readonly api: ApiClient;
  readonly json: boolean;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
  readonly stdout: NodeJS.WritableStream;
  /** Data, on stdout: as one line of JSON when that was asked for, else as text. */
  print(data: unknown, text: () => string): void;
  /** Everything else, on stderr. */
  say(message: string): void;
  /** Shows how far something is, where output is for people. */
  progress(label: string): Promise<Progress>;
}

export async function openSession({ context, ...options }: GlobalOptions): Promise<Session> {
  const interrupted = new AbortController();
  context.onInterrupt(() => interrupted.abort());
  const json = options.json ?? false;
  const { stdout, stderr } = context;
  // Reading the home takes zod, which `--help` and a refused option have no use for.
  const { findTarget } = await import('./target.ts');
  return {
    api: new ApiClient(await findTarget(options, context)),
    json,
    signal: interrupted.signal,
    stdout,
    print: (data, text) => void stdout.write(`${json ? JSON.stringify(data) : text()}\n`),
    say: (message) => void stderr.write(`${message}\n`),
    progress: async (label) => (json ? noProgress : startProgress(label, stderr)),
  };
}
