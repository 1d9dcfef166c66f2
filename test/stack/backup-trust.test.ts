import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { AuditEntry } from '../../src/audit/audit-entry.ts';
import type { BackupView, Manifest } from '../../src/backups/backup.ts';
import { type BackupKey, readBackupKeys } from '../../src/backups/backup-keys.ts';
import { encodeManifest } from '../../src/backups/manifest-mac.ts';
import { removeOldSafety } from '../../src/backups/safety-retention.ts';
import { tidyBackups } from '../../src/backups/tidy-backups.ts';
import { readConfig } from '../../src/config.ts';
import { newestGoodBackups } from '../../src/restores/drills.ts';
import type { RestoreView } from '../../src/restores/restore.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import { eventually } from '../support/eventually.ts';
import { testStack } from '../support/stack.ts';

const NOBODY = '20200101T000000Z-000000';
const DAY_MS = 86_400_000;
const keyOf = async (text: string) =>
  (await readBackupKeys(readConfig({ LONGSHORE_BACKUP_KEY: text }))).current!;

type Adopted = {
  readonly adopted: readonly string[];
  readonly refused: readonly { readonly id: string; readonly detail: string }[];
};

/** A platform, and somebody who can write, delete and put back anything in its storage. */
async function scene(env: Record<string, string>) {
  const stack = await testStack({ after }, undefined, { env });
  const { db, get, post, url, key } = stack;
  const storage = await openStorage(`file:${stack.home}/storage`);
  const folder = (id: string) => join(stack.home, 'storage', 'backups', id);
  const manifestPath = (id: string) => join(folder(id), 'manifest.json');

  const viewOf = async (id: string) => (await get(`/v1/backups/${id}`)).body as unknown as BackupView;
  const scenery = {
    ...stack,
    storage,
    folder,
    viewOf,
    manifestPath,
    manifestOf: async (id: string) => JSON.parse(await readFile(manifestPath(id), 'utf8')) as Manifest,
    reasonsOf: async (id: string) => (await viewOf(id)).unverified?.map(({ reason }) => reason) ?? null,
    async backUp(body: object = {}): Promise<BackupView> {
      const { status, body: view } = await post(
        '/v1/backups',
        { tables: ['jobs'], ...body },
        { prefer: 'wait=50' },
      );
      assert.equal(status, 201, JSON.stringify(view));
      return view as unknown as BackupView;
    },
    async restore(body: object) {
      const answer = await post('/v1/tables/jobs/restore', body, { prefer: 'wait=50' });
      return { status: answer.status, body: answer.body as unknown as RestoreView & Record<string, string> };
    },
    async adopt(ids?: readonly string[]): Promise<Adopted> {
      const { status, body } = await post('/v1/backups/adopt', ids && { ids });
      assert.equal(status, 200, JSON.stringify(body));
      return body as unknown as Adopted;
    },
    /** What the platform does every hour. */
    look: () => scenery.adopt([NOBODY]),
    /** Writes a manifest with the files of a genuine backup beside it, and the hash that goes with it. */
    async plant(genuine: string, change: Partial<Manifest>, by: BackupKey | null): Promise<string> {
      const id = `20261120T000000Z-${randomBytes(3).toString('hex')}`;
      const { mac: _, ...manifest } = await scenery.manifestOf(genuine);
      await cp(folder(genuine), folder(id), { recursive: true });
      await scenery.write(id, encodeManifest({ ...manifest, id, ...change }, by));
      return id;
    },
    async write(id: string, bytes: Buffer | string): Promise<void> {
      await writeFile(manifestPath(id), bytes);
      const hash = createHash('sha256').update(bytes).digest('hex');
      await writeFile(`${manifestPath(id)}.sha256`, `${hash}  manifest.json\n`);
    },
    async remove(id: string, query = '') {
      const response = await fetch(`${url}/v1/backups/${id}${query}`, {
        method: 'DELETE',
        headers: { 'x-api-key': key },
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
    async audited(action: string) {
      let entries: AuditEntry[] = [];
      await eventually(async () => {
        entries = ((await get(`/v1/audit?action=${action}`)).body as unknown as { entries: AuditEntry[] })
          .entries;
        return entries.length > 0;
      }, true);
      return entries;
    },
    async jobs() {
      return (await stack.rows('jobs')).map(({ job }) => job);
    },
    db,
  };
  return scenery;
}

/** Later than every genuine one, and no later than clocks may be apart. */
const soon = () => new Date(Date.now() + 60_000).toISOString();

describe('a backup in the storage, with a backup key', async () => {
  const text = randomBytes(32).toString('hex');
  const key = await keyOf(text);
  const s = await scene({ LONGSHORE_BACKUP_KEY: text });
  await s.load('jobs', '1,Genuine\n');
  const genuine = await s.backUp({ encrypt: false });
  const latest = async () => {
    const { status, body } = await s.restore({ backup: 'latest', dryRun: true });
    assert.equal(status, 201, JSON.stringify(body));
    return body;
  };

  it('a forged backup is unverified, and neither `latest` nor drills nor retention use it', async () => {
    const forged = await s.plant(
      genuine.id,
      { snapshotAt: soon(), scheduleId: 'nightly', purpose: 'schedule' },
      null,
    );
    await s.look();
    const view = await s.viewOf(forged);
    assert.equal(view.status, 'unverified');
    assert.match(view.unverified?.[0]?.detail ?? '', /its manifest has no MAC; the key here is [0-9a-f]{16}/);
    assert.deepEqual(await s.reasonsOf(forged), ['mac-missing']);
    const listed = (await s.get('/v1/backups?status=unverified')).body as unknown as {
      backups: BackupView[];
    };
    assert.deepEqual(
      listed.backups.map(({ id }) => id),
      [forged],
    );

    const { backupId, skipped } = await latest();
    assert.equal(backupId, genuine.id);
    assert.deepEqual(
      skipped.map((one) => [one.backupId, /mac-missing/.test(one.why)]),
      [[forged, true]],
    );
    const keys = { current: key, byId: new Map([[key.id, key]]) };
    assert.deepEqual((await newestGoodBackups({ db: s.db, storage: s.storage, keys }, ['jobs'])).ids, [
      genuine.id,
    ]);
  });

  it('an unverified backup is restored only by its ID and an explicit option, which is audited', async () => {
    const forged = await s.plant(genuine.id, { snapshotAt: soon() }, null);
    await s.look();
    const refused = await s.restore({ backup: forged });
    assert.deepEqual([refused.status, refused.body.code], [409, 'backup-unverified']);
    assert.match(refused.body.detail ?? '', /mac-missing/);
    const drilled = await s.post(`/v1/backups/${forged}/verify`, {}, { prefer: 'wait=50' });
    assert.deepEqual([drilled.status, drilled.body.code], [409, 'backup-unverified']);
    const compared = await s.get(`/v1/backups/${forged}/diff?table=jobs`);
    assert.deepEqual([compared.status, compared.body.code], [409, 'backup-unverified']);
    const whole = await s.post(`/v1/backups/${forged}/restore`, { safety: false }, { prefer: 'wait=50' });
    assert.deepEqual([whole.status, whole.body.code], [409, 'backup-unverified']);

    const accepted = await s.restore({ backup: forged, acceptUnverified: true, safety: false });
    assert.equal(accepted.status, 201, JSON.stringify(accepted.body));
    assert.equal(accepted.body.target.acceptUnverified, true);
    const [entry] = await s.audited('table.restore-unverified');
    assert.deepEqual([entry?.table, entry?.status], ['jobs', 201]);
    const proved = await s.post(
      `/v1/backups/${forged}/verify`,
      { acceptUnverified: true },
      { prefer: 'wait=50' },
    );
    assert.equal(proved.status, 201, JSON.stringify(proved.body));
    assert.equal((await s.viewOf(forged)).status, 'unverified', 'whole, and still not believed');
    const word = await s.restore({ backup: 'latest', acceptUnverified: true, dryRun: true });
    assert.equal(word.body.backupId, genuine.id);
    assert.equal(word.body.target.acceptUnverified, undefined);
  });

  it('is accepted unverified from an admin key only, and is not shown to limited keys', async () => {
    const forged = await s.plant(genuine.id, { snapshotAt: soon() }, null);
    await s.look();
    const made = await s.post('/v1/keys', { name: 'limited', scopes: ['read', 'write'], tables: ['jobs'] });
    const limited = (made.body as unknown as { key: string }).key;
    const ask = async (path: string, body?: object) => {
      const response = await fetch(s.url + path, {
        method: body ? 'POST' : 'GET',
        headers: { 'x-api-key': limited, 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      });
      return response.status;
    };
    assert.equal(
      await ask('/v1/tables/jobs/restore', { backup: forged, as: 'x', acceptUnverified: true }),
      403,
    );
    assert.equal(await ask(`/v1/backups/${genuine.id}/verify`, { acceptUnverified: true }), 403);
    assert.equal(await ask('/v1/backups/adopt', { ids: [forged] }), 403);
    assert.deepEqual(
      [await ask(`/v1/backups/${genuine.id}`), await ask(`/v1/backups/${forged}`)],
      [200, 404],
    );
  });

  it('an edited, emptied or missing backup is skipped, and trusted again once it is as it was', async () => {
    const newer = await s.backUp({ encrypt: false });
    const path = s.manifestPath(newer.id);
    const written = await readFile(path, 'utf8');
    const manifest = JSON.parse(written) as Manifest;
    const bare = { ...manifest, tables: manifest.tables.map((table) => ({ ...table, rows: 0, parts: [] })) };
    const edits: readonly (readonly [string, () => Promise<void>])[] = [
      ['edited', () => s.write(newer.id, written.replace('"rows": 1', '"rows": 2'))],
      ['emptied', () => s.write(newer.id, `${JSON.stringify(bare, null, 1)}\n`)],
      ['emptied', () => s.write(newer.id, '')],
      ['missing', () => rm(path)],
    ];
    for (const [reason, edit] of edits) {
      await edit();
      // Before the platform has looked, too.
      const before = await latest();
      assert.equal(before.backupId, genuine.id, reason);
      assert.equal(before.skipped[0]?.backupId, newer.id);
      const restored = await s.restore({ backup: newer.id });
      assert.deepEqual([restored.status, restored.body.code], [422, 'backup-damaged'], reason);
      await s.look();
      assert.deepEqual(
        [(await s.viewOf(newer.id)).status, await s.reasonsOf(newer.id)],
        ['unverified', [reason]],
      );
      assert.match(s.adopt ? ((await s.adopt([newer.id])).refused[0]?.detail ?? '') : '', new RegExp(reason));
      assert.equal((await latest()).backupId, genuine.id);
      await writeFile(path, written);
      await s.look();
      assert.equal((await s.viewOf(newer.id)).status, 'done', reason);
    }
    assert.equal((await latest()).backupId, newer.id);
    // What the ledger knows of it is enough for whoever says so, whatever lies in the storage.
    await rm(path);
    await s.look();
    const accepted = await s.restore({ backup: newer.id, acceptUnverified: true, safety: false });
    assert.equal(accepted.status, 201, JSON.stringify(accepted.body));
    assert.deepEqual(await s.jobs(), ['Genuine']);
    await s.remove(newer.id, '?force=true');
  });

  it('a replayed, moved or future backup is unverified for that reason, and can not be adopted', async () => {
    const moved = await s.plant(genuine.id, { id: genuine.id }, key);
    const future = await s.plant(
      genuine.id,
      { snapshotAt: new Date(Date.now() + DAY_MS).toISOString() },
      key,
    );
    const forgedFuture = await s.plant(genuine.id, { snapshotAt: '2999-01-01T00:00:00.000Z' }, null);
    const wrong = await s.plant(genuine.id, {}, key);
    const text = await readFile(s.manifestPath(wrong), 'utf8');
    await s.write(wrong, text.replace('"purpose": "manual"', '"purpose": "safety"'));
    await s.look();
    for (const [id, reasons] of [
      [moved, ['moved']],
      [future, ['future-dated']],
      [forgedFuture, ['mac-missing', 'future-dated']],
      [wrong, ['mac-wrong']],
    ] as const) {
      assert.deepEqual([(await s.viewOf(id)).status, await s.reasonsOf(id)], ['unverified', reasons]);
      const { adopted, refused } = await s.adopt([id]);
      assert.deepEqual([adopted, refused[0]?.id], [[], id]);
    }
    const restored = await s.restore({ backup: moved, acceptUnverified: true });
    assert.deepEqual([restored.status, restored.body.code], [422, 'backup-damaged']);
    assert.equal((await latest()).backupId, genuine.id);
  });

  it('a backup of another installation, or by an unknown key, is unverified until a person adopts it', async () => {
    const foreign = await s.plant(genuine.id, { origin: randomUUID(), snapshotAt: soon() }, key);
    const unknown = await s.plant(
      genuine.id,
      { snapshotAt: soon() },
      await keyOf(randomBytes(32).toString('hex')),
    );
    await s.look();
    assert.deepEqual(await s.reasonsOf(foreign), ['foreign']);
    assert.deepEqual(await s.reasonsOf(unknown), ['key-unknown']);
    assert.equal((await latest()).backupId, genuine.id);
    assert.deepEqual(await s.adopt(), { adopted: [], refused: [] }, 'without their IDs neither is meant');
    assert.deepEqual(await s.adopt([foreign, unknown, NOBODY]), {
      adopted: [foreign, unknown],
      refused: [{ id: NOBODY, detail: `there is no backup "${NOBODY}" in the storage` }],
    });
    assert.deepEqual(
      (await s.audited('backup.adopt'))
        .map(({ target }) => target)
        .filter((id) => id === foreign || id === unknown).length,
      2,
    );
    assert.deepEqual([(await s.viewOf(foreign)).status, (await s.viewOf(unknown)).status], ['done', 'done']);
    // One person's word is for one backup.
    const another = await s.plant(genuine.id, { origin: (await s.manifestOf(foreign)).origin }, key);
    await s.look();
    assert.deepEqual(await s.reasonsOf(another), ['foreign']);
    for (const id of [foreign, unknown]) await s.remove(id);
  });

  it('a backup that was deleted and put back is unverified until a person adopts it', async () => {
    const { id } = await s.backUp();
    const kept = join(s.home, 'kept');
    await cp(s.folder(id), kept, { recursive: true });
    assert.equal((await s.remove(id)).status, 200);
    await mkdir(s.folder(id), { recursive: true });
    await cp(kept, s.folder(id), { recursive: true });
    await s.look();
    assert.deepEqual([(await s.viewOf(id)).status, await s.reasonsOf(id)], ['unverified', ['put-back']]);
    assert.equal((await latest()).backupId, genuine.id);
    await rm(s.folder(id), { recursive: true });
    await s.look();
    assert.equal((await s.viewOf(id)).status, 'deleted');
    await cp(kept, s.folder(id), { recursive: true });
    assert.deepEqual((await s.adopt([id])).adopted, [id]);
    assert.equal((await latest()).backupId, id);
    await s.remove(id);
  });

  it('an authenticated backup that the ledger does not know is adopted automatically', async () => {
    const { id } = await s.backUp();
    await s.db.query('delete from longshore.backup where id = $1', [id]);
    await s.look();
    const view = await s.viewOf(id);
    assert.deepEqual([view.status, view.startedBy, view.keyId], ['done', 'storage', key.id]);
    assert.equal((await latest()).backupId, id);
    await s.remove(id);
  });

  it('counts for retention and as the last good one only while it is as it was written', async () => {
    const made = await s.post('/v1/schedules', {
      ...{ id: 'nightly', kind: 'backup', cron: '0 3 1 1 *', tables: ['jobs'], retention: { keepLast: 1 } },
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const [older, newer] = [await s.backUp(), await s.backUp()];
    await s.db.query(
      `update longshore.backup set schedule_id = 'nightly', purpose = 'schedule' where id = any ($1)`,
      [[older.id, newer.id]],
    );
    for (let no = 0; no < 3; no++) {
      await s.plant(newer.id, { snapshotAt: soon(), scheduleId: 'nightly', purpose: 'schedule' }, null);
    }
    await s.look();
    const plan = async () =>
      (await s.get('/v1/schedules/nightly/retention')).body as unknown as {
        keep: { id: string; reasons: string[] }[];
        remove: { id: string }[];
      };
    const { keep, remove } = await plan();
    assert.deepEqual([keep.map(({ id }) => id), remove.map(({ id }) => id)], [[newer.id], [older.id]]);

    const written = await readFile(s.manifestPath(newer.id));
    await s.write(newer.id, '{}');
    const edited = await plan();
    assert.deepEqual(edited.remove, []);
    assert.match(
      edited.keep.find(({ id }) => id === newer.id)?.reasons.join() ?? '',
      /SHA-256 .*: remove it by hand/,
    );
    for (const { id } of [genuine]) assert.equal((await s.remove(id)).status, 200, 'the older one stands in');
    const refused = await s.remove(older.id);
    assert.deepEqual([refused.status, refused.body.code], [409, 'backup-state']);
    assert.match(String(refused.body.detail), /is the last good backup of jobs/);
    await writeFile(s.manifestPath(newer.id), written);
    assert.equal((await s.remove(older.id)).status, 200);
    // Of safety backups as well.
    const [first, last] = [await s.backUp(), await s.backUp()];
    await s.db.query(
      `update longshore.backup set purpose = 'safety', snapshot_at = now() - interval '90 days' where id = $1`,
      [first.id],
    );
    await s.db.query(`update longshore.backup set purpose = 'safety' where id = $1`, [last.id]);
    await s.write(last.id, '{}');
    const deps = { db: s.db, storage: s.storage, keys: { current: key, byId: new Map([[key.id, key]]) } };
    assert.deepEqual(await removeOldSafety(deps), { removed: [], left: [] });
  });

  it('is looked at although another one can not be read, which is reported', async () => {
    const { id } = await s.backUp({ encrypt: false });
    const [bad, forged] = [await s.plant(id, {}, null), await s.plant(id, {}, null)];
    const storage = new Proxy(s.storage, {
      get(of, name) {
        const member = Reflect.get(of, name);
        if (typeof member !== 'function') return member;
        return (key: unknown, ...rest: unknown[]) => {
          if (name !== 'list' && String(key).includes(bad)) throw new Error('no permission');
          return member.call(of, key, ...rest);
        };
      },
    });
    const deps = { db: s.db, storage, keys: { current: key, byId: new Map([[key.id, key]]) } };
    const tidied = tidyBackups(deps, { fresh: false }, createLogger({ level: 'silent', process: 'test' }));
    await assert.rejects(tidied, new RegExp(`backup ${bad}: no permission`));
    assert.equal((await s.viewOf(forged)).status, 'unverified');
    assert.equal((await s.get(`/v1/backups/${bad}`)).status, 404);
    for (const planted of [bad, forged]) await rm(s.folder(planted), { recursive: true });
  });

  it('refuses the part of another backup, whether or not it is encrypted', async () => {
    for (const encrypt of [true, false]) {
      await s.load('jobs', '1,One\n', { mode: 'replace', force: 'true' });
      const one = await s.backUp({ encrypt, codec: 'null' });
      await s.load('jobs', '1,Two\n', { mode: 'replace', force: 'true' });
      const two = await s.backUp({ encrypt, codec: 'null' });
      const fileOf = (view: BackupView) => join(s.folder(view.id), view.tables[0]!.parts[0]!.name);
      await cp(fileOf(one), fileOf(two));
      const { status, body } = await s.restore({ backup: two.id });
      assert.deepEqual([status, body.code], [422, 'backup-damaged']);
      assert.deepEqual(await s.jobs(), ['Two']);
      await rm(fileOf(two));
      assert.match((await latest()).skipped[0]?.why ?? '', /its file jobs-0\.\S+ is missing/);
    }
  });

  it('is reported when nobody can read it, with every reason', async () => {
    await s.db.query(`update longshore.backup set status = 'deleted' where status = 'done'`);
    const { status, body } = await s.restore({ backup: 'latest' });
    assert.deepEqual([status, body.code], [404, 'unknown-backup']);
    assert.match(body.detail ?? '', /no backup of jobs can be read here: .*mac-missing/);
  });
});

describe('a backup in the storage, without a backup key', async () => {
  const s = await scene({});
  await s.load('jobs', '1,Genuine\n');
  const genuine = await s.backUp();

  it('a backup that the ledger does not know is unverified without a key until a person adopts it', async () => {
    const forged = await s.plant(genuine.id, { snapshotAt: soon() }, null);
    const edited = await s.plant(genuine.id, { snapshotAt: soon() }, null);
    await writeFile(`${s.manifestPath(edited)}.sha256`, `${'0'.repeat(64)}  manifest.json\n`);
    await s.look();
    assert.deepEqual(
      [await s.reasonsOf(forged), await s.reasonsOf(edited)],
      [['no-key'], ['no-key', 'edited']],
    );
    assert.equal((await s.restore({ backup: 'latest', dryRun: true })).body.backupId, genuine.id);
    assert.deepEqual(await s.adopt(), { adopted: [forged], refused: [] });
    assert.equal((await s.viewOf(forged)).status, 'done');
    assert.equal((await s.restore({ backup: 'latest', dryRun: true })).body.backupId, forged);
    const [entry] = await s.audited('backup.adopt');
    assert.deepEqual([entry?.target, entry?.status], [forged, 200]);
    const { refused } = await s.adopt([edited]);
    assert.match(refused[0]?.detail ?? '', /edited: its SHA-256 is/);
  });

  it('disappears from the list when it disappears from the storage', async () => {
    const forged = await s.plant(genuine.id, {}, null);
    await s.look();
    assert.equal((await s.viewOf(forged)).status, 'unverified');
    await rm(s.folder(forged), { recursive: true });
    await s.look();
    assert.equal((await s.get(`/v1/backups/${forged}`)).status, 404);
  });

  it('a backup of before there were MACs stays as the ledger knows it', async () => {
    const { id } = await s.backUp();
    const { origin: _, ...before } = await s.manifestOf(id);
    const bytes = `${JSON.stringify(before, null, 1)}\n`;
    await s.write(id, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await s.db.query('update longshore.backup set manifest = $2, manifest_sha256 = $3 where id = $1', [
      id,
      bytes,
      sha256,
    ]);
    await s.look();
    assert.equal((await s.viewOf(id)).status, 'done');
    assert.equal((await s.restore({ backup: id, safety: false })).status, 201);
  });
});
