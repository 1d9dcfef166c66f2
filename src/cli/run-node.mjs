import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { withCompileCache } from './compile-cache.mjs';

/** As a shell reports a process that a signal ended. */
const SIGNAL_EXIT_BASE = 128;

/**
 * Becomes, as far as Node allows, a process of Node 24: passes arguments, terminal, signals and the exit code.
 * @param {string} root folder of the checkout
 * @param {string | null} script relative to root; null: the arguments are Node's own
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, channel?: boolean }} [options]
 *   channel: an IPC channel, by which the program sees when this process vanishes
 */
export function runNode(root, script, args, options = {}) {
  const child = spawn(
    join(root, 'node_modules', '.bin', 'node'),
    [...(script === null ? [] : [join(root, script)]), ...args],
    {
      cwd: options.cwd,
      env: withCompileCache(root, options.env ?? process.env),
      stdio: options.channel ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit',
    },
  );
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => {
    console.error(`longshore: Node 24 could not be started: ${error.message}`);
    process.exit(1);
  });
  child.once('exit', (code, signal) =>
    process.exit(code ?? SIGNAL_EXIT_BASE + constants.signals[signal ?? 'SIGKILL']),
  );
}
