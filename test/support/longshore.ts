import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../../src/cli/run.ts';

/** How a `longshore` command ended and what it had written. */
export interface Ended {
  /** null: a signal ended its process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A `longshore` command that runs in the test's own process. */
export interface RunningCommand {
  readonly stdin: PassThrough;
  readonly ended: Promise<Ended>;
  hasEnded(): boolean;
  /** What it has written to stderr so far. */
  said(): string;
  /** What Ctrl-C does. */
  interrupt(): void;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** Starts a command as the command line would, without a process of its own: that costs half a second of CPU. */
export function startLongshore(args: readonly string[], { cwd, env }: CommandOptions): RunningCommand {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const onInterrupt: (() => void)[] = [];
  const context = {
    env,
    stdin,
    stdout,
    stderr,
    exitCode: 0,
    resolve: (path: string) => resolve(cwd, path),
    onInterrupt: (action: () => void) => void onInterrupt.push(action),
  };
  let [over, said] = [false, ''];
  stderr.setEncoding('utf8').on('data', (piece: string) => {
    said += piece;
  });
  const ended = (async () => {
    const written = Promise.all([text(stdout), once(stderr, 'end')]);
    await runCommand(args, context);
    over = true;
    stdout.end();
    stderr.end();
    const [out] = await written;
    return { code: context.exitCode, stdout: out, stderr: said };
  })();
  return {
    stdin,
    ended,
    hasEnded: () => over,
    said: () => said,
    interrupt: () => {
      for (const action of onInterrupt.splice(0)) action();
    },
  };
}

/** @param input of standard input */
export function longshore(args: readonly string[], options: CommandOptions, input = ''): Promise<Ended> {
  const command = startLongshore(args, options);
  command.stdin.end(input);
  return command.ended;
}

/** Starts a command in a process of its own: for what a process is about, such as signals, pipes and memory. */
export function spawnLongshore(
  args: readonly string[],
  { cwd, env }: CommandOptions,
  nodeOptions: readonly string[] = [],
): ChildProcess {
  return spawn(process.execPath, [...nodeOptions, MAIN, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
  });
}

export async function endOf(child: ChildProcess): Promise<Ended> {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'close'),
  ]);
  return { code: code as number | null, stdout, stderr };
}
