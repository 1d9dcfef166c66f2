import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { ChildInfo, ChildMessage } from '../runtime/child.ts';
import type { ProgressLog } from '../runtime/logger.ts';
import { type StartFault, StartRefused } from '../start-faults.ts';
import type { Keepable } from './keeper.ts';
import { type Exit, openLog } from './server-process.ts';

/** Bundling the workflows on a busy machine takes its time. */
const READY_LIMIT_MS = 120_000;

export interface NodeChild extends Keepable {
  /** What the child sent with `ready`. */
  readonly info: ChildInfo;
}

export interface NodeChildOptions {
  /** The role: shown to people, and passed as `--as=`. */
  readonly name: string;
  readonly script: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly log: ProgressLog;
  /** Old-space limit: what keeps a process below its memory target is that V8 collects before it. */
  readonly heapMb: number;
  /** How long a graceful stop may take before SIGKILL. */
  readonly stopLimitMs: number;
}

/** Buffers of pieces on their way die young, if the young generation is large enough to let them: 6 % of a load. */
const YOUNG_SPACE = '--max-semi-space-size=16';

/**
 * Starts `node script` with an IPC channel and waits until it is ready. In a session of its own, so that Ctrl-C
 * reaches only the supervisor; if the supervisor vanishes the channel closes and the child ends by itself.
 */
export async function startNodeChild(options: NodeChildOptions, signal: AbortSignal): Promise<NodeChild> {
  signal.throwIfAborted();
  const logFile = openLog(options.logFile);
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${options.heapMb}`, YOUNG_SPACE, options.script, `--as=${options.name}`],
    {
      // glibc keeps a heap for each of many threads otherwise, and never gives it back.
      env: { MALLOC_ARENA_MAX: '2', ...options.env },
      stdio: ['ignore', logFile, logFile, 'ipc'],
      detached: true,
    },
  );
  closeSync(logFile);
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, exitSignal) => resolve({ code, signal: exitSignal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });

  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), options.stopLimitMs);
    await exited;
    clearTimeout(force);
  };
  const onAbort = () => void stop();
  signal.addEventListener('abort', onAbort, { once: true });

  let tooLate: NodeJS.Timeout | undefined;
  let refused: readonly StartFault[] | undefined;
  let isReady = false;
  try {
    const info = await new Promise<ChildInfo>((resolve, reject) => {
      child.on('message', (message: ChildMessage) => {
        if ('refused' in message) refused = message.refused;
        else if ('ready' in message) {
          isReady = true;
          resolve(message.info);
        }
        // What ends a start is told as its error.
        else if (isReady || message.log.level !== 'fatal') {
          options.log.warn(`${options.name}: ${message.log.msg}`);
        }
      });
      const endedEarly = (exit: Exit) =>
        reject(
          refused === undefined
            ? new Error(
                `${options.name} ended before it was ready (${exit.signal ?? `exit code ${exit.code}`}); ` +
                  `see ${options.logFile}`,
              )
            : new StartRefused(refused.map((fault) => withLog(fault, options))),
        );
      void exited.then(endedEarly);
      tooLate = setTimeout(
        () => reject(new Error(`${options.name} was not ready in ${READY_LIMIT_MS / 1000} s`)),
        READY_LIMIT_MS,
      );
    });
    return { pid: child.pid as number, exited, info, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(tooLate);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Of what nobody foresaw, the log has the rest. */
function withLog(fault: StartFault, { name, logFile }: NodeChildOptions): StartFault {
  if (fault.code !== 'internal') return fault;
  return { ...fault, detail: `${name}: ${fault.detail}; see ${logFile}` };
}
