import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { FileQueue } from '../support/file-queue.ts';

const SHARE = new URL('../support/share.ts', import.meta.url).href;
const IMPORTS = `import assert from 'node:assert/strict'; import { after, before, it } from 'node:test';`;

describe('a process that shares the files of a run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-share-'));
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: string) => writeFileSync(join(folder, name), content);

  let files: FileQueue;
  const door = createServer((_, res) => {
    const path = files.next();
    res.writeHead(path === undefined ? 204 : 200).end(path);
  });
  before(() => new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve)));
  after(() => door.close());

  async function run(): Promise<string> {
    files = new FileQueue([folder]);
    const url = `http://127.0.0.1:${(door.address() as AddressInfo).port}`;
    file('share.mjs', `import { runShare } from '${SHARE}'; await runShare('${url}');`);
    const inherited = Object.entries(process.env).filter(([name]) => !/^(TEST_|NODE_TEST_)/.test(name));
    const child = spawn(process.execPath, ['--test', '--test-reporter=spec', join(folder, 'share.mjs')], {
      env: Object.fromEntries(inherited),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return text(child.stdout);
  }

  it('runs one after the other, with the hooks of each for its own tests', async () => {
    const seen = `globalThis.seen ??= [];`;
    // The largest first.
    file(
      'a.test.ts',
      `${IMPORTS} ${seen} before(() => seen.push('open a')); after(() => seen.push('close a'));
       it('of a', () => seen.push('a')); // ${'-'.repeat(400)}`,
    );
    file(
      'b.test.ts',
      `${IMPORTS} ${seen} seen.push('load b');
       it('of b', () => assert.deepEqual(seen, ['open a', 'a', 'close a', 'load b']));`,
    );
    const shown = await run();
    assert.match(shown, /tests 2\n.*suites 2\n.*pass 2\n.*fail 0\n/s);
  });

  it('fails for a file that can not be loaded, and for one whose test fails, and runs the others', async () => {
    file('a.test.ts', `import './missing.ts'; // ${'-'.repeat(900)}`);
    file('b.test.ts', `${IMPORTS} it('of b', () => assert.equal(1, 2)); // ${'-'.repeat(600)}`);
    file('c.test.ts', `${IMPORTS} it('of c', () => undefined);`);
    const shown = await run();
    assert.match(shown, /✖ \S*a\.test\.ts/);
    assert.match(shown, /missing\.ts/);
    assert.match(shown, /✖ of b/);
    assert.match(shown, /✔ of c/);
    assert.match(shown, /tests 2\n.*pass 1\n.*fail [1-9]/s);
  });
});
