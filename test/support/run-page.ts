import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeCheckout } from './checkout.ts';
import {
  asShown,
  comparable,
  renamedIds,
  type ShownCommand,
  shownCommands,
  withOutput,
} from './console-blocks.ts';
import { eventually } from './eventually.ts';
import { makeHome, removeHome } from './home.ts';
import { cleanEnvironment, type TestPlatform, testPlatform } from './platform.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The pages' address of the API; in the test it has another port. */
const API = 'http://127.0.0.1:8080';

/**
 * Makes a test of each command of a page's `console` blocks: they run from top to bottom, in one shell, in a folder
 * that looks like the checkout, and print what the page shows. `npm start` starts a platform on free ports. With
 * `UPDATE_PAGES=1` what came out is written into the page instead. To be called within a `describe`.
 *
 * @param file the page's path in the repository
 * @returns the page's commands
 */
export function runPage(file: string): readonly ShownCommand[] {
  const page = readFileSync(ROOT + file, 'utf8');
  const commands = shownCommands(page);
  const updates: [ShownCommand, string[]][] = [];
  let reader: Reader;
  before(() => {
    reader = new Reader();
  });
  for (const shown of commands) {
    it(`line ${shown.line} prints what is shown: ${shown.command.split('\n')[0]}`, async () => {
      const printed = await reader.run(shown.command);
      reader.note(printed, shown.output);
      if (process.env.UPDATE_PAGES) updates.push([shown, printed]);
      else assert.deepEqual(asShown(printed, shown.output), comparable(shown.output));
    });
  }
  after(async () => {
    await reader.close();
    const changed = updates.filter(
      ([shown, printed]) => asShown(printed, shown.output).join('\n') !== comparable(shown.output).join('\n'),
    );
    if (changed.length === 0) return;
    writeFileSync(
      ROOT + file,
      changed.reduceRight((whole, [shown, printed]) => withOutput(whole, shown, printed), page),
    );
  });
  return commands;
}

/** Somebody who follows a page, in a checkout of their own. */
class Reader {
  readonly #folder = makeCheckout();
  readonly #homes = new Set<string>();
  /** The IDs of the page, and what they are in this run. */
  readonly #ids = new Map<string, string>();
  /** What the shell has exported. */
  #exported: Record<string, string> = {};
  #platform: TestPlatform | undefined;

  async run(command: string): Promise<string[]> {
    return command === 'npm start' ? await this.#start() : await this.#shell(command);
  }

  /** Remembers which ID of this run stands for which of the page: later commands of the page name them. */
  note(printed: readonly string[], shown: readonly string[]): void {
    for (const [ofPage, ofRun] of renamedIds(printed, shown)) this.#ids.set(ofPage, ofRun);
  }

  async close(): Promise<void> {
    await this.#platform?.stop();
    for (const home of this.#homes) await removeHome(home);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #start(): Promise<string[]> {
    await this.#platform?.stop();
    const home = join(this.#folder, this.#exported.LONGSHORE_HOME ?? '.longshore');
    if (!this.#homes.has(home)) {
      this.#homes.add(home);
      await makeHome(home);
    }
    const ours = Object.entries(this.#exported).filter(([name]) => name.startsWith('LONGSHORE_'));
    this.#platform = await testPlatform(
      { after: () => undefined },
      {
        home,
        cwd: this.#folder,
        sample: true,
        env: { ...Object.fromEntries(ours), LONGSHORE_HOME: home },
      },
    );
    return await this.#platform.said('Ctrl-C stops everything.');
  }

  async #shell(command: string): Promise<string[]> {
    if (command.includes('report')) await this.#refreshed();
    const state = join(this.#folder, '.exported');
    let actual = command.replaceAll(API, this.#platform?.apiUrl ?? API);
    for (const [ofPage, ofRun] of this.#ids) actual = actual.replaceAll(ofPage, ofRun);
    const child = spawn('bash', ['-c', `{ ${actual}\n} 2>&1\nenv -0 > "${state}"`], {
      cwd: this.#folder,
      env: {
        ...cleanEnvironment(),
        PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
        npm_config_update_notifier: 'false',
        ...this.#exported,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const printed = await text(child.stdout);
    this.#exported = Object.fromEntries(
      readFileSync(state, 'utf8')
        .split('\0')
        .map((entry): [string, string] => [
          entry.slice(0, entry.indexOf('=')),
          entry.slice(entry.indexOf('=') + 1),
        ])
        .filter(([name]) => /^(LONGSHORE_\w+|KEY|LOADER|TOKEN)$/.test(name)),
    );
    return printed.replace(/\n$/, '').split('\n');
  }

  /** Reports follow writes within seconds, which a person who reads on gives them. */
  async #refreshed(): Promise<void> {
    const { apiUrl, adminKey } = this.#platform ?? {};
    if (apiUrl === undefined || adminKey === undefined) return;
    const stale = async () => {
      const answer = await fetch(`${apiUrl}/v1/reports`, { headers: { 'x-api-key': adminKey } });
      const { reports } = (await answer.json()) as { reports: { name: string; state: { stale: boolean } }[] };
      return reports.filter(({ state }) => state.stale).map(({ name }) => name);
    };
    await eventually(stale, []);
  }
}
