import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { BackupView } from '../../src/backups/backup.ts';
import { readComposeFile } from '../support/compose-file.ts';
import { startComposeProcess } from '../support/compose-service.ts';
import { testHome } from '../support/home.ts';
import { plainDatabase } from '../support/plain-role.ts';
import { s3Fault, testS3 } from '../support/s3.ts';
import { testTemporal } from '../support/temporal.ts';

const MAKE_SECRETS = fileURLToPath(new URL('../../deploy/secrets.sh', import.meta.url));
const DOCKERFILE = fileURLToPath(new URL('../../Dockerfile', import.meta.url));
/** What `openssl rand -base64` may give, and worse. */
const PASSWORD = 'p/l+a=i:n@%41#? "$x\\';

const fault = s3Fault();
interface LoadAnswer {
  readonly rows: Readonly<Record<string, number>>;
  readonly links: { readonly temporal: string };
}

describe('the API and a worker as docker-compose.yml has them', { skip: fault ?? false }, async () => {
  if (fault !== null) return;
  const t = { after };
  const folder = mkdtempSync(join(tmpdir(), 'longshore-compose-'));
  after(() => rmSync(folder, { recursive: true }));
  const secrets = join(folder, 'secrets');
  execFileSync(MAKE_SECRETS, [secrets]);
  const secretOf = (name: string) => readFileSync(join(secrets, name), 'utf8').trim();
  rmSync(join(secrets, 'longshore_database_password'));
  writeFileSync(join(secrets, 'longshore_database_password'), `${PASSWORD}\n`);

  const database = new URL((await plainDatabase(t, PASSWORD)).url);
  const temporal = await testTemporal();
  const s3 = await testS3(t, {
    accessKeyId: readComposeFile().services.s3?.environment?.ROOT_ACCESS_KEY ?? '',
    secretAccessKey: secretOf('s3_secret_key'),
  });
  const endpoint = new URL(new URL(await s3.storageUrl('longshore')).searchParams.get('endpoint') ?? '');
  const home = await testHome(t);
  const options = {
    at: { postgres: database.host, temporal: temporal.address, s3: endpoint.host },
    secrets,
    command: JSON.parse(/^CMD (.*)$/m.exec(readFileSync(DOCKERFILE, 'utf8'))?.[1] ?? ''),
    // The servers of the test run are shared.
    env: {
      LONGSHORE_HOME: home,
      DATABASE_URL: `postgres://${database.username}@${database.host}${database.pathname}`,
      TEMPORAL_NAMESPACE: temporal.namespace,
    },
  };
  const api = await startComposeProcess(t, 'api', options);
  await api.healthy();
  const worker = await startComposeProcess(t, 'worker', options);
  await worker.healthy();
  const request = async <T>(path: string, body: string, type = 'application/json') => {
    const response = await fetch(`${api.url}${path}`, {
      method: 'POST',
      headers: { 'x-api-key': secretOf('longshore_admin_key'), 'content-type': type, prefer: 'wait=50' },
      body,
    });
    return { status: response.status, body: (await response.json()) as T };
  };

  it('load a file', async () => {
    const { status, body } = await request<LoadAnswer>(
      '/v1/tables/jobs/loads',
      '1,Pilot\nx,Diver\n',
      'text/csv',
    );
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual([body.rows.loaded, body.rows.rejected], [1, 1]);
    assert.ok(body.links.temporal.startsWith('http://127.0.0.1:8233/namespaces/'), body.links.temporal);
  });

  it('back up with the key that is a secret, to the storage', async () => {
    const { body: backup } = await request<BackupView>('/v1/backups', JSON.stringify({ tables: ['jobs'] }));
    assert.deepEqual(
      [backup.status, backup.rows, backup.encrypted],
      ['done', 1, true],
      JSON.stringify(backup),
    );
    const manifest = join(s3.folder, 'longshore', 'backups', backup.id, 'manifest.json');
    assert.equal(JSON.parse(readFileSync(manifest, 'utf8')).id, backup.id);
  });

  it('show no secret, and stop in order', async () => {
    assert.deepEqual([await worker.stop(), await api.stop()], [0, 0]);
    for (const { output } of [api, worker]) {
      for (const name of Object.keys(readComposeFile().secrets)) {
        assert.ok(!output().includes(secretOf(name)), `${name} is in the log`);
      }
    }
  });
});
