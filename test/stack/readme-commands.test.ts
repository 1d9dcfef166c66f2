import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../src/platform/ports.ts';
import { updateState } from '../../src/runtime/home.ts';
import {
  asShown,
  comparable,
  type ShownCommand,
  shownCommands,
  withOutput,
} from '../support/console-blocks.ts';
import { eventually } from '../support/eventually.ts';
import { removeHome } from '../support/home.ts';
import { cleanEnvironment, type TestPlatform, testPlatform } from '../support/platform.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const README = `${ROOT}README.md`;
/** What a checkout has that the commands need. */
const CHECKOUT = ['package.json', 'node_modules', 'src', 'api', 'activities', 'workflows', 'migrations'];
/** The README's address of the API; in the test it has another port. */
const API = 'http://127.0.0.1:8080';

/**
 * Every command of the README's console blocks, from top to bottom, in one shell, in a folder that looks like the
 * checkout, compared with what the README shows. `npm start` starts a platform on free ports.
 * `UPDATE_README=1` writes what came out into the README instead.
 */
describe("the README's commands", () => {
  const page = readFileSync(README, 'utf8');
  const commands = shownCommands(page);
  let reader: Reader;
  before(() => {
    reader = new Reader();
  });
  after(() => reader.close());

  const updates: [ShownCommand, string[]][] = [];
  for (const shown of commands) {
    it(`line ${shown.line} prints what is shown: ${shown.command.split('\n')[0]}`, async () => {
      const printed = await reader.run(shown.command);
      if (process.env.UPDATE_README) updates.push([shown, printed]);
      else assert.deepEqual(asShown(printed, shown.output), comparable(shown.output));
    });
  }
  after(() => {
    if (updates.length === 0) return;
    const isSame = ([shown, printed]: [ShownCommand, string[]]) =>
      asShown(printed, shown.output).join('\n') === comparable(shown.output).join('\n');
    writeFileSync(
      README,
      updates
        .filter((update) => !isSame(update))
        .reduceRight((text, [shown, printed]) => withOutput(text, shown, printed), page),
    );
  });

  it('cover the client, HTTP, a dictionary, a report, a backup and a restore', () => {
    const all = commands.map(({ command }) => command).join('\n');
    for (const part of [
      'npm start',
      'longshore load',
      'longshore rejects',
      'curl',
      'datapackage.json',
      'longshore report ',
      'longshore backup',
      'longshore restore',
    ]) {
      assert.ok(all.includes(part), part);
    }
  });
});

/** Somebody who follows the README, in a checkout of their own. */
class Reader {
  readonly #folder = mkdtempSync(join(tmpdir(), `longshore-test-${process.pid}-`));
  readonly #homes = new Set<string>();
  /** What the shell has exported. */
  #exported: Record<string, string> = {};
  #platform: TestPlatform | undefined;

  constructor() {
    // PostgreSQL's own user has to pass, where root runs the tests.
    chmodSync(this.#folder, 0o711);
    for (const name of CHECKOUT) symlinkSync(join(ROOT, name), join(this.#folder, name));
  }

  async run(command: string): Promise<string[]> {
    return command === 'npm start' ? await this.#start() : await this.#shell(command);
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
      mkdirSync(home, { recursive: true });
      const [postgresPort, temporalPort, temporalUiPort] = [
        await freePort(),
        await freePort(),
        await freePort(),
      ];
      updateState(home, { postgresPort, temporalPort, temporalUiPort });
    }
    const ours = Object.entries(this.#exported).filter(([name]) => name.startsWith('LONGSHORE_'));
    this.#platform = await testPlatform(
      { after: () => undefined },
      { home, cwd: this.#folder, sample: true, env: { ...Object.fromEntries(ours), LONGSHORE_HOME: home } },
    );
    return await this.#platform.said('Ctrl-C stops everything.');
  }

  async #shell(command: string): Promise<string[]> {
    if (command.includes('report')) await this.#refreshed();
    const state = join(this.#folder, '.exported');
    const address = this.#platform?.apiUrl ?? API;
    const child = spawn(
      'bash',
      ['-c', `{ ${command.replaceAll(API, address)}\n} 2>&1\nenv -0 > "${state}"`],
      {
        cwd: this.#folder,
        env: {
          ...cleanEnvironment(),
          PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
          npm_config_update_notifier: 'false',
          ...this.#exported,
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const printed = await text(child.stdout);
    this.#exported = Object.fromEntries(
      readFileSync(state, 'utf8')
        .split('\0')
        .map((entry): [string, string] => [
          entry.slice(0, entry.indexOf('=')),
          entry.slice(entry.indexOf('=') + 1),
        ])
        .filter(([name]) => /^(LONGSHORE_\w+|KEY|TOKEN)$/.test(name)),
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
