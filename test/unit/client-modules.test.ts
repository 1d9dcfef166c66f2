import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startTestApi, type TestApi } from '../support/api-fakes.ts';

const ROOT = join(import.meta.dirname, '../..');
const LISTER = join(ROOT, 'test/support/loaded-modules.mjs');

describe('the modules that the longshore command loads', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = await startTestApi();
  });
  afterEach(() => api[Symbol.asyncDispose]());

  /** The checkout's files that a command loads: `src/cli/main.ts`, `node_modules/zod/index.js`. */
  async function loaded(...args: string[]): Promise<string[]> {
    const list = join(api.home, 'loaded');
    await promisify(execFile)(process.execPath, ['--import', LISTER, 'src/cli/longshore.mjs', ...args], {
      cwd: ROOT,
      env: {
        PATH: process.env.PATH,
        LONGSHORE_HOME: api.home,
        LONGSHORE_URL: api.url,
        LONGSHORE_KEY: 'admin-key-of-the-tests',
        LOADED_MODULES: list,
      },
    });
    const urls = (await readFile(list, 'utf8')).split('\n');
    return urls
      .filter((url) => url.startsWith('file:'))
      .map((url) => relative(ROOT, fileURLToPath(url)).replaceAll(sep, '/'));
  }

  const packagesIn = (files: readonly string[]) =>
    [...new Set(files.map((file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]))]
      .filter((name) => name !== undefined)
      .sort();

  it('--help loads only what reads arguments and names files', async () => {
    const files = await loaded('--help');
    assert.ok(files.includes('src/cli/program.ts'));
    assert.deepEqual(packagesIn(files), ['commander', 'content-disposition']);
  });

  for (const command of [['status'], ['tables'], ['backups'], ['reports'], ['schedule', 'list']]) {
    it(`"${command.join(' ')}" loads no package and no folder of the server's`, async () => {
      const files = await loaded(...command);
      assert.deepEqual(packagesIn(files), ['commander', 'content-disposition', 'zod']);
      assert.deepEqual(
        files.filter((file) => /^(api|activities|workflows|migrations|src\/(db|temporal))\//.test(file)),
        [],
      );
    });
  }
});
