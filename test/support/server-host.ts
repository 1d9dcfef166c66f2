import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export type ServerName = 'postgres' | 'temporal';

/** Where a server is: `url` and `template` of PostgreSQL, `address` of Temporal. */
export type ServerValues = Readonly<Record<string, string>>;

/** From the process of the servers: a server is up, or it failed, or there is something to tell people. */
export type ServersMessage =
  | { readonly server: ServerName; readonly values: ServerValues }
  | { readonly server: ServerName; readonly failed: string }
  | { readonly says: string };

const SERVERS_PROCESS = fileURLToPath(new URL('servers-process.ts', import.meta.url));

/**
 * The servers of a test run, in a process of their own that is started when somebody first asks for one. It stops
 * them when this process ends, also by kill -9, and doesn't keep this process alive. A server that failed stays
 * failed, so that every test that needs it fails at once.
 */
export class ServerHost implements AsyncDisposable {
  readonly #program: string;
  readonly #servers = new Map<ServerName, PromiseWithResolvers<ServerValues>>();
  #child: ChildProcess | undefined;
  #stopped: Promise<void> | undefined;

  constructor(program = SERVERS_PROCESS) {
    this.#program = program;
  }

  async ask(name: ServerName): Promise<ServerValues> {
    if (this.#stopped !== undefined) throw new Error(`the test run is over: ${name} is not started any more`);
    this.#child ??= this.#spawn();
    let server = this.#servers.get(name);
    if (server === undefined) {
      server = Promise.withResolvers<ServerValues>();
      this.#servers.set(name, server);
      this.#child.send({ start: name });
    }
    // The channel keeps this process alive only while somebody waits for an answer.
    this.#child.channel?.ref();
    try {
      return await server.promise;
    } finally {
      this.#child.channel?.unref();
    }
  }

  /** Idempotent. Resolves when every server has ended and its files are gone. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  #spawn(): ChildProcess {
    // Not the test's own output: a runner waits until everyone who has it open has ended.
    const child = spawn(process.execPath, [this.#program], {
      env: environment(),
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.on('message', (message: ServersMessage) => this.#hear(message));
    const ended = (why: string) => {
      for (const name of this.#servers.keys()) {
        this.#fail(name, `${name} is not there: the process of the test servers ended (${why})`);
      }
    };
    child.once('error', (error) => ended(error.message));
    child.once('exit', (code, signal) => ended(signal ?? `exit code ${code}`));
    child.unref();
    return child;
  }

  #hear(message: ServersMessage): void {
    if ('says' in message) console.error(message.says);
    else if ('failed' in message) this.#fail(message.server, message.failed);
    else this.#servers.get(message.server)?.resolve(message.values);
  }

  #fail(name: ServerName, why: string): void {
    const failed = Promise.withResolvers<ServerValues>();
    failed.promise.catch(() => undefined);
    failed.reject(new Error(why));
    // Who waits learns of it, and so does whoever asks later, even if the server had been up.
    this.#servers.get(name)?.reject(new Error(why));
    this.#servers.set(name, failed);
  }

  async #stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const exited = new Promise((resolve) => child.once('exit', resolve));
    if (child.connected) child.disconnect();
    await exited;
  }
}

/** Without what would make a test process of it. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'NODE_TEST_CONTEXT'));
}
