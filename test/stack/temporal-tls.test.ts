import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { readConfig } from '../../src/config.ts';
import type { LongshoreError } from '../../src/errors.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { connectClient, connectWorker } from '../../src/temporal/connect.ts';
import { certificatesFault, makeCertificate } from '../support/certificates.ts';
import { type Cleanup, testHome } from '../support/home.ts';
import { TEST_PAYLOAD_KEY } from '../support/sealed.ts';
import { temporalServer } from '../support/servers.ts';
import { testStack } from '../support/stack.ts';
import { tlsFront } from '../support/tls-front.ts';

const skip = certificatesFault() ?? false;

describe('a Temporal behind TLS', { skip }, async () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  const t: Cleanup = { after: (action) => void cleanups.unshift(async () => action()) };
  after(async () => {
    for (const cleanup of cleanups) await cleanup();
  });
  const setUp = async () => {
    const folder = await testHome(t);
    const ca = makeCertificate(folder, 'ca-of-the-test');
    const server = makeCertificate(folder, 'server', { by: ca, names: ['DNS:temporal.test'] });
    const client = makeCertificate(folder, 'client', { by: ca });
    const stranger = makeCertificate(folder, 'stranger', { by: makeCertificate(folder, 'other-ca') });
    const front = await tlsFront(t, await temporalServer(), { certificate: server, clientCa: ca });
    const env = {
      TEMPORAL_ADDRESS: `127.0.0.1:${front.port}`,
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: ca.certPath,
      TEMPORAL_TLS_SERVER_NAME: 'temporal.test',
      TEMPORAL_TLS_CLIENT_CERT_PATH: client.certPath,
      TEMPORAL_TLS_CLIENT_KEY_DATA: readFileSync(client.keyPath, 'utf8'),
    };
    return { front, env, stranger };
  };
  let made: ReturnType<typeof setUp> | undefined;
  const shared = () => {
    made ??= setUp();
    return made;
  };

  it('is used by API and worker with a CA, a name and a certificate of its own, which no log shows', async () => {
    const { front, env } = await shared();
    const lines: string[] = [];
    const log = createLogger({ level: 'debug', process: 'test' }, { write: (line) => void lines.push(line) });
    const stack = await testStack(t, undefined, { env, log });
    assert.equal((await stack.load('departments', '1,Sales\n2,Support\n')).status, 201);
    assert.equal((await stack.post('/v1/tables/jobs/rows', [{ id: 1, job: 'Engineer' }])).status, 201);
    assert.equal((await stack.rows('departments')).length, 2);
    assert.ok(front.connections() >= 2, 'both have come through the proxy');
    const key = env.TEMPORAL_TLS_CLIENT_KEY_DATA.split('\n')[1]!;
    assert.ok(!lines.join('').includes(key) && !lines.join('').includes('BEGIN '), 'a log shows the key');
  });

  it('refuses, and is refused by, whoever lacks one of them', async () => {
    const { env, stranger } = await shared();
    const {
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: ca,
      TEMPORAL_TLS_SERVER_NAME: name,
      TEMPORAL_TLS_CLIENT_CERT_PATH: cert,
      TEMPORAL_TLS_CLIENT_KEY_DATA: key,
      ...address
    } = env;
    const lacking: Readonly<Record<string, NodeJS.ProcessEnv>> = {
      'without TLS': address,
      'without the CA': { ...env, TEMPORAL_TLS_SERVER_CA_CERT_PATH: undefined },
      'under another name': { ...env, TEMPORAL_TLS_SERVER_NAME: 'other.test' },
      'without a certificate': {
        ...address,
        TEMPORAL_TLS_SERVER_CA_CERT_PATH: ca,
        TEMPORAL_TLS_SERVER_NAME: name,
      },
      'with a certificate of somebody else': {
        ...env,
        TEMPORAL_TLS_CLIENT_CERT_PATH: stranger.certPath,
        TEMPORAL_TLS_CLIENT_KEY_DATA: undefined,
        TEMPORAL_TLS_CLIENT_KEY_PATH: stranger.keyPath,
      },
    };
    assert.ok(cert && key);
    await Promise.all(
      Object.entries(lacking).flatMap(([how, one]) => {
        const config = readConfig({ ...one, LONGSHORE_PAYLOAD_KEY: TEST_PAYLOAD_KEY });
        return [connectClient, connectWorker].map((connect) =>
          assert.rejects(
            connect(config),
            ({ code, message }: LongshoreError) => {
              assert.equal(code, 'temporal-unavailable', how);
              assert.match(message, how === 'without TLS' ? /, without TLS$/ : /, over TLS$/);
              return true;
            },
            how,
          ),
        );
      }),
    );
  });
});
