import { resolve } from 'node:path';
import type { Readable } from 'node:stream';

/** A command's view of its process, so that a test can run one without a process of its own. */
export interface CommandContext {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: Readable;
  readonly stdout: NodeJS.WritableStream;
  /** A progress bar is drawn on a terminal only. */
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** The exit code unless the command throws; see `EXIT`. */
  exitCode: number;
  /** @returns the path as it is meant from the command's working directory */
  resolve(path: string): string;
  /** Registers an action that is called once, at SIGINT or SIGTERM. */
  onInterrupt(action: () => void): void;
}

/** The context of this process. */
export function processContext(): CommandContext {
  return {
    env: process.env,
    // Getters, since merely accessing these streams opens them.
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      return process.stderr;
    },
    get exitCode() {
      return Number(process.exitCode ?? 0);
    },
    set exitCode(code) {
      process.exitCode = code;
    },
    resolve: (path) => resolve(path),
    onInterrupt(action) {
      // Once: a second Ctrl-C ends the process at once, as people expect.
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, action);
    },
  };
}
