import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { findTarget } from '../../src/cli/target.ts';
import { CONFIG_NAMES, readConfig } from '../../src/config.ts';
import type { LongshoreError } from '../../src/errors.ts';
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
      AWS_ACCESS_KEY_ID_FILE: fileOf('AKIDEXAMPLE\n'),
      AWS_SECRET_ACCESS_KEY_FILE: fileOf('wJalrXUtnFEMI/K7MDENG+bPxRfiCY\n'),
      AWS_SESSION_TOKEN_FILE: fileOf('FQoGZXIvYXdzEBYaD=='),
    });
    assert.equal(config.databaseUrl, 'postgres://user:secret@127.0.0.1/db');
    assert.equal(config.temporalAccess.apiKey, 'a key for Temporal');
    assert.equal(config.adminKey, 'an admin key in a file');
    assert.deepEqual(config.storageKeys, {
      accessKeyId: 'AKIDEXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCY',
      sessionToken: 'FQoGZXIvYXdzEBYaD==',
    });
  });

  it('can be every secret there is, and stops the start beside the same secret in a variable', () => {
    const secrets = CONFIG_NAMES.filter((name) =>
      /(_KEY|_KEYS_OLD|_KEY_ID|_TOKEN|_PASSWORD|^DATABASE_URL)$/.test(name),
    );
    assert.ok(secrets.length >= 11, secrets.join());
    for (const name of secrets) {
      assert.ok(CONFIG_NAMES.includes(`${name}_FILE`), name);
      if (name === 'LONGSHORE_KEY') continue;
      const both = { [name]: 'a secret of the variable', [`${name}_FILE`]: fileOf('a secret of the file') };
      assert.throws(
        () => readConfig(both),
        (error: LongshoreError) => {
          assert.equal(error.code, 'config-invalid');
          assert.match(error.message, new RegExp(`${name} and ${name}_FILE: set one of the two`));
          assert.doesNotMatch(error.message, /a secret of/);
          return true;
        },
      );
    }
  });

  it('missing, empty or too short, stops the start with its variable but without its content', () => {
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

  it('that can not be read is named together with every other one', () => {
    const secrets = CONFIG_NAMES.filter((name) => name.endsWith('_FILE') && name !== 'LONGSHORE_KEY_FILE');
    assert.throws(
      () => readConfig(Object.fromEntries(secrets.map((name) => [name, folder]))),
      (error: LongshoreError) => {
        for (const name of secrets) {
          assert.ok(
            error.message.includes(`${name}: ${folder} can not be read (EISDIR)`),
            `${name}: ${error}`,
          );
        }
        return error.code === 'config-invalid';
      },
    );
  });

  it('is found by the command-line client, and not by the workers', async () => {
    const env = { LONGSHORE_ADMIN_KEY_FILE: fileOf('an admin key in a file\n') };
    const { key } = await findTarget({ url: 'http://127.0.0.1:1' }, { env, resolve });
    assert.equal(key, 'an admin key in a file');
    assert.deepEqual(Object.keys(childEnvironment(env, 'worker')), []);
    assert.deepEqual(childEnvironment(env, 'api'), env);
    const own = { ...env, LONGSHORE_KEY_FILE: fileOf('a key of the client') };
    assert.equal(
      (await findTarget({ url: 'http://127.0.0.1:1' }, { env: own, resolve })).key,
      'a key of the client',
    );
    for (const name of ['LONGSHORE_ADMIN_KEY_FILE', 'LONGSHORE_KEY_FILE']) {
      await assert.rejects(findTarget({}, { env: { [name]: '/nowhere' }, resolve }), new RegExp(name));
    }
  });

  it("leaves an editor's debugger to the API and the workers, so that it attaches to them", () => {
    const env = { NODE_OPTIONS: '--require bootloader.js', VSCODE_INSPECTOR_OPTIONS: '{}', OTHER: 'x' };
    const { OTHER: _, ...passed } = env;
    for (const role of ['api', 'worker'] as const) assert.deepEqual(childEnvironment(env, role), passed);
  });
});

describe('The password of the database', () => {
  const url = 'postgres://longshore@db.example:5432/longshore';
  const readPassword = (env: NodeJS.ProcessEnv) => {
    const { username, password, host, pathname } = new URL(readConfig(env).databaseUrl ?? '');
    return [username, decodeURIComponent(password), host, pathname];
  };

  it('is any text, given beside the URL', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'longshore-password-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'password');
    const text = fc.string({ unit: 'grapheme', minLength: 1 });
    const check = (password: string) => {
      const found = ['longshore', password, 'db.example:5432', '/longshore'];
      assert.deepEqual(readPassword({ DATABASE_URL: url, DATABASE_PASSWORD: password }), found);
      if (/[\r\n]$/.test(password)) return;
      for (const end of ['', '\n', '\r\n']) {
        writeFileSync(file, `${password}${end}`);
        assert.deepEqual(readPassword({ DATABASE_URL: url, DATABASE_PASSWORD_FILE: file }), found);
      }
    };
    for (const password of ['a/b+c==', '@:?#[]%', '%41', ' blank at both ends ', '\'\\"`$x', 'é漢🚢'])
      check(password);
    fc.assert(fc.property(text, check));
  });

  it('is in one place', () => {
    for (const [env, expected] of [
      [{ DATABASE_PASSWORD: 'x' }, /^DATABASE_PASSWORD: set without DATABASE_URL$/],
      [
        { DATABASE_URL: 'postgres://u:first@h/db', DATABASE_PASSWORD: 'second' },
        /^DATABASE_PASSWORD: there is a password in DATABASE_URL too; set one of the two$/,
      ],
      [
        { DATABASE_URL: 'postgres://u@h/db?password=first', DATABASE_PASSWORD: 'second' },
        /^DATABASE_PASSWORD: there is a password in DATABASE_URL too; set one of the two$/,
      ],
      [
        { DATABASE_URL: 'postgres:///db?host=/run/postgresql', DATABASE_PASSWORD: 'second' },
        /^DATABASE_URL: a password needs a host, as in @localhost\/$/,
      ],
    ] as const) {
      assert.throws(() => readConfig(env), { code: 'config-invalid', message: expected });
    }
  });

  it('that breaks the URL it is in stops the start, without being shown', () => {
    for (const password of ['a/b+c==', '12/34', '12#4', 'a?b', '100%', 'a%zz', 'a:b/@c']) {
      assert.throws(
        () => readConfig({ DATABASE_URL: `postgres://longshore:${password}@db.example:5432/longshore` }),
        (error: LongshoreError) => {
          assert.equal(error.code, 'config-invalid');
          assert.match(error.message, /^DATABASE_URL: expected .* percent-encoded or in DATABASE_PASSWORD$/);
          return true;
        },
        password,
      );
    }
    for (const password of ['plain', 'a@b', 'a%2Fb', 'a:b', '']) {
      const databaseUrl = `postgres://longshore:${password}@db.example:5432/longshore`;
      assert.equal(readConfig({ DATABASE_URL: databaseUrl }).databaseUrl, databaseUrl);
    }
  });
});
