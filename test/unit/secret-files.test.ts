import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import { findTarget } from '../../src/cli/target.ts';
import { CONFIG_NAMES, readConfig } from '../../src/config.ts';
import { childEnvironment } from '../../src/runtime/environment.ts';

describe('a secret in a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-secrets-'));
  after(() => rmSync(folder, { recursive: true }));
  const fileOf = (content: string) => {
    const path = join(folder, `secret-${content.length}`);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };

  it('is taken for the one in the variable, without the line end that editors put there', () => {
    const config = readConfig({
      DATABASE_URL_FILE: fileOf('postgres://user:secret@127.0.0.1/db\n'),
      TEMPORAL_API_KEY_FILE: fileOf('a key for Temporal\r\n'),
      LONGSHORE_ADMIN_KEY_FILE: fileOf('an admin key in a file\n'),
    });
    assert.equal(config.databaseUrl, 'postgres://user:secret@127.0.0.1/db');
    assert.equal(config.temporalApiKey, 'a key for Temporal');
    assert.equal(config.adminKey, 'an admin key in a file');
    const both = { LONGSHORE_ADMIN_KEY: 'the variable goes first', LONGSHORE_ADMIN_KEY_FILE: '/nowhere' };
    assert.equal(readConfig(both).adminKey, 'the variable goes first');
  });

  it('can be every secret there is', () => {
    const secrets = CONFIG_NAMES.filter((name) => /(_KEY|_KEYS_OLD|^DATABASE_URL)$/.test(name));
    assert.ok(secrets.length >= 6, secrets.join());
    for (const name of secrets) {
      // Of the client's program alone, which takes it from its file in the home.
      if (name !== 'LONGSHORE_KEY') assert.ok(CONFIG_NAMES.includes(`${name}_FILE`), name);
    }
  });

  it('a missing, empty or too short secret stops the start with its variable but without its content', () => {
    for (const [file, expected] of [
      ['/nowhere/key', /^LONGSHORE_ADMIN_KEY_FILE: \/nowhere\/key can not be read \(ENOENT\)$/],
      [fileOf(' \n'), /^LONGSHORE_ADMIN_KEY_FILE: .* is empty$/],
      [fileOf('short'), /^LONGSHORE_ADMIN_KEY_FILE: expected at least 16 characters$/],
    ] as const) {
      assert.throws(() => readConfig({ LONGSHORE_ADMIN_KEY_FILE: file }), {
        code: 'config-invalid',
        message: expected,
      });
    }
  });

  it('is found by the command-line client, and not by the workers', async () => {
    const env = { LONGSHORE_ADMIN_KEY_FILE: fileOf('an admin key in a file\n') };
    const { key } = await findTarget({ url: 'http://127.0.0.1:1' }, { env, resolve });
    assert.equal(key, 'an admin key in a file');
    assert.deepEqual(Object.keys(childEnvironment(env, 'worker')), []);
    assert.deepEqual(childEnvironment(env, 'api'), env);
    await assert.rejects(
      findTarget({}, { env: { LONGSHORE_ADMIN_KEY_FILE: '/nowhere' }, resolve }),
      /LONGSHORE_ADMIN_KEY_FILE/,
    );
  });

  it("leaves an editor's debugger to the API and the workers, so that it attaches to them", () => {
    const env = { NODE_OPTIONS: '--require bootloader.js', VSCODE_INSPECTOR_OPTIONS: '{}', OTHER: 'x' };
    const { OTHER: _, ...passed } = env;
    for (const role of ['api', 'worker'] as const) assert.deepEqual(childEnvironment(env, role), passed);
  });
});
