import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asShown, comparable, renamedIds, shownCommands, withOutput } from '../support/console-blocks.ts';

const PAGE = [
  '# A page',
  '```sh',
  'not run',
  '```',
  '```console',
  "$ cat > a.csv <<'END'",
  '$ no command, but a line of the file',
  'END',
  "$ curl -d '[1,",
  "  2]' \\",
  '    http://127.0.0.1:8080/',
  '{"id":1}',
  '$ true',
  '```',
].join('\n');

/** Whether an output passes for what a page shows. */
function passes(actual: readonly string[], shown: readonly string[]): boolean {
  return JSON.stringify(asShown(actual, shown)) === JSON.stringify(comparable(shown));
}

describe('the console blocks of a page', () => {
  it('are commands with their here-documents, quotes and continued lines, and what each prints', () => {
    assert.deepEqual(
      shownCommands(PAGE).map(({ command, output }) => ({ command, output })),
      [
        { command: "cat > a.csv <<'END'\n$ no command, but a line of the file\nEND", output: [] },
        { command: "curl -d '[1,\n  2]' \\\n    http://127.0.0.1:8080/", output: ['{"id":1}'] },
        { command: 'true', output: [] },
      ],
    );
  });

  it('take another output in the place of the one shown, and keep lines that say the same', () => {
    const [, curl] = shownCommands(PAGE);
    assert.equal(withOutput(PAGE, curl!, ['{"id":2}']), PAGE.replace('{"id":1}', '{"id":2}'));
    const timed = PAGE.replace('{"id":1}', 'took 0.2 s');
    assert.equal(withOutput(timed, shownCommands(timed)[1]!, ['took 9.9 s']), timed);
  });

  it('allow other ports, IDs, times, durations and sizes, and no other rows, counts or codes', () => {
    const shown = ['Load 4', '  rejected  5', '  time      0.4 s', '  file      82 B'];
    assert.ok(passes(['Load 4', '  rejected  5', '  time      2 min 7 s', '  file      91 B', ''], shown));
    assert.ok(!passes(['Load 5', ...shown.slice(1)], shown));
    assert.ok(
      !passes(
        shown.map((line) => line.replace('rejected  5', 'rejected  6')),
        shown,
      ),
    );
    assert.ok(!passes(shown.slice(0, -1), shown));
    assert.ok(!passes([...shown, 'more'], shown));
    assert.ok(!passes(['{"at":"2021-03-04T09:30:00Z"}'], ['{"at":"2021-03-05T09:30:00Z"}']));
    assert.ok(passes(['{"at":"2031-03-04T09:30:00Z"}'], ['{"at":"2026-03-05T09:30:00Z"}']));
  });

  it('may indent JSON, and leave out parts of a line or whole lines', () => {
    assert.ok(passes(['{"a":[1,"b  c"],"d":2}'], ['{', '    "a": [1, "b  c"],', '    …', '}']));
    assert.ok(!passes(['{"a":[1,"b  c"]}'], ['{', '    "a": [1, "b c"]', '}']));
    const headers = ['HTTP/1.1 200 OK', 'A: 1', 'B: 2', 'C: 3', '', '{}'];
    assert.ok(passes(headers, ['HTTP/1.1 200 OK', '…', 'B: 2', '…', '', '{}']));
    assert.ok(!passes(headers, ['HTTP/1.1 200 OK', '…', 'B: 3', '…', '', '{}']));
    assert.ok(!passes(headers, ['HTTP/1.1 200 OK', 'B: 2', '…', '', '{}']));
  });

  it('name IDs of a run that later commands mean', () => {
    const shown = ['Backup 20261121T122823Z-c12bd8', '  rows  4'];
    const actual = ['Backup 20261126T200332Z-2ccd92', '  rows  4'];
    assert.deepEqual(renamedIds(actual, shown), [['20261121T122823Z-c12bd8', '20261126T200332Z-2ccd92']]);
  });
});
