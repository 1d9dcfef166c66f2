import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runPage } from '../support/run-page.ts';

describe("the README's commands", () => {
  const commands = runPage('README.md');

  it('cover a file of one’s own, the client, HTTP, a report, a backup and a restore', () => {
    const all = commands.map(({ command }) => command).join('\n');
    for (const part of [
      'npm start',
      'longshore add',
      'longshore load',
      'longshore rejects',
      'curl',
      'longshore report ',
      'longshore backup',
      'longshore restore',
    ]) {
      assert.ok(all.includes(part), part);
    }
  });
});
