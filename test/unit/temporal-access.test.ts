import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readConfig } from '../../src/config.ts';
import type { LongshoreError } from '../../src/errors.ts';
import { Platform } from '../../src/platform/platform.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n';
const SECRET = 'qjx7secret';

describe('how Temporal is reached', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-temporal-'));
  after(() => rmSync(folder, { recursive: true }));
  let files = 0;
  const fileOf = (content: string) => {
    files += 1;
    const path = join(folder, String(files));
    writeFileSync(path, content);
    return path;
  };
  const access = (env: NodeJS.ProcessEnv) => readConfig(env).temporalAccess;
  const bytes = (text: string) => new Uint8Array(Buffer.from(text));

  it('is without TLS unless something asks for it', () => {
    assert.deepEqual(access({ TEMPORAL_ADDRESS: 'temporal:7233' }), {
      ...{ address: 'temporal:7233', namespace: undefined, apiKey: undefined, tls: false, metadata: {} },
    });
    assert.equal(access({ TEMPORAL_API_KEY: SECRET }).tls, true);
    assert.equal(access({ TEMPORAL_API_KEY: SECRET, TEMPORAL_TLS: 'false' }).tls, false);
    assert.notEqual(access({ TEMPORAL_TLS: 'true' }).tls, false);
    assert.notEqual(access({ TEMPORAL_TLS: '1' }).tls, false);
  });

  it("is said by Temporal's own variables, PEM as text or as a file, and headers", () => {
    const read = access({
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: fileOf(PEM),
      TEMPORAL_TLS_SERVER_NAME: 'temporal.internal',
      TEMPORAL_TLS_CLIENT_CERT_DATA: PEM,
      TEMPORAL_TLS_CLIENT_KEY_PATH: fileOf(PEM),
      TEMPORAL_GRPC_META_X_TENANT_ID: '7',
    });
    assert.deepEqual(read.tls, {
      serverNameOverride: 'temporal.internal',
      serverRootCACertificate: bytes(PEM),
      clientCertPair: { crt: bytes(PEM), key: bytes(PEM) },
    });
    assert.deepEqual(read.metadata, { 'x-tenant-id': '7' });
  });

  it('is said by a profile of a file, over which variables go, and by no file unless it is named', () => {
    const file = fileOf(
      `[profile.default]\naddress = "a:1"\nnamespace = "n"\napi_key = "${SECRET}"\n[profile.plain]\naddress = "b:2"\n`,
    );
    const { temporalAddress, temporalNamespace, temporalAccess } = readConfig({ TEMPORAL_CONFIG_FILE: file });
    assert.deepEqual([temporalAddress, temporalNamespace, temporalAccess.apiKey], ['a:1', 'n', SECRET]);
    const plain = { TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'plain' };
    assert.deepEqual([access(plain).address, access(plain).tls], ['b:2', false]);
    assert.equal(access({ ...plain, TEMPORAL_ADDRESS: 'c:3' }).address, 'c:3');
    assert.equal(readConfig({}).temporalAddress, undefined);
  });

  it('stops the start, without a word of its secrets, where it would be passed over', () => {
    const broken = fileOf(`[profile.default]\napi_key = "${SECRET}" "${SECRET}"\n`);
    const half = fileOf(`[profile.default.tls]\nclient_cert_data = "${SECRET}"\n`);
    const cases: readonly (readonly [NodeJS.ProcessEnv, RegExp])[] = [
      [{ TEMPORAL_TLS: 'yes' }, /^TEMPORAL_TLS: /],
      [
        { TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: 'true' },
        /^TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: is not supp/,
      ],
      [
        { TEMPORAL_TLS_SERVER_CA_CERT_PATH: join(folder, 'none') },
        /^TEMPORAL_TLS_SERVER_CA_CERT_PATH: .*ENOENT/,
      ],
      [{ TEMPORAL_TLS_SERVER_CA_CERT_DATA: SECRET }, /^TEMPORAL_TLS_SERVER_CA_CERT_DATA: expected PEM/],
      [
        { TEMPORAL_TLS_CLIENT_KEY_PATH: fileOf(PEM), TEMPORAL_TLS_CLIENT_KEY_DATA: PEM },
        /^TEMPORAL_TLS_CLIENT_KEY_PATH and TEMPORAL_TLS_CLIENT_KEY_DATA: set one of the two/,
      ],
      [{ TEMPORAL_TLS_CLIENT_CERT_DATA: PEM }, /TEMPORAL_TLS_CLIENT_KEY_…: set both/],
      [{ TEMPORAL_CONFIG_FILE: half }, /TEMPORAL_TLS_CLIENT_KEY_…: set both/],
      [{ TEMPORAL_CONFIG_FILE: join(folder, 'none') }, /^TEMPORAL_CONFIG_FILE: .*ENOENT/],
      [{ TEMPORAL_CONFIG_FILE: broken }, /^TEMPORAL_CONFIG_FILE: no valid TOML: line 2, column \d+$/],
      [{ TEMPORAL_CONFIG_FILE: fileOf('profile = 7') }, /^TEMPORAL_CONFIG_FILE: it has no profile "default"/],
      [{ TEMPORAL_CONFIG_FILE: fileOf(''), TEMPORAL_PROFILE: 'none' }, /^TEMPORAL_CONFIG_FILE: /],
      [
        { TEMPORAL_CONFIG_FILE: fileOf('[profile.a]\n'), TEMPORAL_PROFILE: 'none' },
        /^TEMPORAL_CONFIG_FILE: it has no profile "none"/,
      ],
      [
        { TEMPORAL_CONFIG_FILE: fileOf('[profile.default]\naddress = "a"\n') },
        /^TEMPORAL_ADDRESS: expected host/,
      ],
    ];
    for (const [env, expected] of cases) {
      assert.throws(
        () => readConfig(env),
        (error: LongshoreError) => {
          assert.equal(error.code, 'config-invalid');
          assert.match(error.message, expected);
          assert.ok(!JSON.stringify([error.message, String(error.cause)]).includes(SECRET), error.message);
          return true;
        },
        JSON.stringify(env),
      );
    }
  });

  it('is not said of the embedded server, which has neither TLS nor keys', async () => {
    const quiet = { info: () => undefined, warn: () => undefined };
    for (const env of [{ TEMPORAL_API_KEY: SECRET }, { TEMPORAL_TLS: 'true' }]) {
      const platform = new Platform({ config: readConfig({ ...env, LONGSHORE_HOME: folder }), log: quiet });
      await assert.rejects(platform.start(), { code: 'config-invalid', message: /^TEMPORAL_ADDRESS: unset/ });
      await platform.stop();
    }
  });
});
