import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runPage } from '../support/run-page.ts';

describe("the README's commands", () => {
  const commands = runPage('README.md');

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
