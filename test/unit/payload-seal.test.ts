import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { defaultPayloadConverter, type Payload, type SerializationContext } from '@temporalio/common';
import type { PayloadMode } from '../../src/config.ts';
import { LongshoreError } from '../../src/errors.ts';
import { ensureHome } from '../../src/runtime/home.ts';
import { wordOf } from '../../src/seal/arrived.ts';
import {
  ensurePayloadKey,
  newPayloadKey,
  payloadKeyPath,
  readPayloadKeys,
} from '../../src/seal/payload-keys.ts';
import { createSealCodec, revealPayloads, SHOWN } from '../../src/seal/seal-codec.ts';

const [FIRST, SECOND] = [newPayloadKey(), newPayloadKey()];
const keysOf = (text: string) =>
  readPayloadKeys({ home: '', payloadKey: { name: 'LONGSHORE_PAYLOAD_KEY', text } });
const codecOf = (text: string, mode: PayloadMode) =>
  createSealCodec({ keys: keysOf(text), mode, unsealed: 'throw' });

const WORKFLOW = { type: 'workflow', namespace: 'default', workflowId: 'load-7' } as const;
const ACTIVITY = {
  type: 'activity',
  namespace: 'default',
  workflowId: 'load-7',
  activityId: '5',
  isLocal: false,
} as const;

function payload(value: unknown): Payload {
  return defaultPayloadConverter.toPayload(value)!;
}

function refused(error: unknown): boolean {
  return error instanceof LongshoreError && error.code === 'payload-refused';
}

describe('a payload in Temporal', () => {
  for (const mode of ['readable', 'encrypted'] as const) {
    const codec = codecOf(FIRST, mode);

    it(`comes out as it went in (${mode})`, async () => {
      for (const value of [{ loadId: 7 }, 'chunk 1 of 3', null, undefined, [], 'é'.repeat(40_000)]) {
        const [sealed] = await codec.encode([payload(value)], WORKFLOW);
        const [opened] = await codec.decode([sealed!], WORKFLOW);
        assert.deepEqual(defaultPayloadConverter.fromPayload(opened!), value);
      }
    });

    it(`is refused wherever else it is put (${mode})`, async () => {
      const sealed = await codec.encode([payload({ loadId: 7 }), payload('second')], ACTIVITY);
      assert.equal((await codec.decode(sealed, ACTIVITY)).length, 2);
      const places: (SerializationContext | undefined)[] = [
        WORKFLOW,
        undefined,
        { ...ACTIVITY, activityId: '6' },
        { ...ACTIVITY, workflowId: 'load-8' },
        { ...ACTIVITY, workflowId: undefined },
        { ...ACTIVITY, namespace: 'other' },
        { ...ACTIVITY, isLocal: true },
      ];
      for (const place of places) await assert.rejects(codec.decode(sealed, place), refused);
      await assert.rejects(
        codec.decode(sealed.toReversed(), ACTIVITY),
        refused,
        'arguments in another order',
      );
      await assert.rejects(codec.decode(sealed.slice(0, 1), ACTIVITY), refused, 'an argument is missing');
    });

    it(`is refused with any of its bits changed, and without its seal (${mode})`, async () => {
      const [sealed] = await codec.encode([payload({ loadId: 7 })], WORKFLOW);
      const pieces: [string, Uint8Array][] = Object.entries(sealed!.metadata ?? {});
      for (const [name, bytes] of [...pieces, ['data', sealed!.data!] as [string, Uint8Array]]) {
        for (let at = 0; at < bytes.length; at++) {
          const changed = Buffer.from(bytes);
          changed[at]! ^= 1;
          const forged =
            name === 'data'
              ? { ...sealed!, data: changed }
              : { ...sealed!, metadata: { ...sealed!.metadata, [name]: changed } };
          await assert.rejects(codec.decode([forged], WORKFLOW), refused, `${name}, byte ${at}`);
        }
      }
      const { seal: _, ...unsealed } = sealed!.metadata ?? {};
      await assert.rejects(codec.decode([{ ...sealed!, metadata: unsealed }], WORKFLOW), refused);
      const more = { ...sealed!.metadata, 'seal-call': Buffer.from('publishLoad') };
      if (mode === 'readable')
        await assert.rejects(codec.decode([{ ...sealed!, metadata: more }], WORKFLOW), refused);
    });

    it(`is opened with an old key while there is one, and not without (${mode})`, async () => {
      const [sealed] = await codec.encode([payload(1)], WORKFLOW);
      assert.equal((await codecOf(`${SECOND}, ${FIRST}`, mode).decode([sealed!], WORKFLOW)).length, 1);
      await assert.rejects(codecOf(SECOND, mode).decode([sealed!], WORKFLOW), refused);
      const [fresh] = await codecOf(`${SECOND}\n${FIRST}`, mode).encode([payload(1)], WORKFLOW);
      await assert.rejects(codec.decode([fresh!], WORKFLOW), refused, 'the first of the keys seals');
    });

    it(`the sealed input of a schedule is accepted by its runs only (${mode})`, async () => {
      const action = { ...WORKFLOW, workflowId: 'schedule-nightly' };
      const sealed = await codec.encode([payload({ scheduleId: 'nightly' })], action);
      const run = { ...WORKFLOW, workflowId: 'schedule-nightly-2026-11-26T03:00:00Z' };
      assert.equal((await codec.decode(sealed, run)).length, 1);
      for (const workflowId of [
        'schedule-nightly-2',
        'schedule-nightly-2026-11-26',
        'schedule-weekly-2026-11-26T03:00:00Z',
      ])
        await assert.rejects(codec.decode(sealed, { ...WORKFLOW, workflowId }), refused);
    });
  }

  it('stays as people can read it, and by the setting is what nobody can', async () => {
    const value = { file: 'salaries.csv' };
    const [readable] = await codecOf(FIRST, 'readable').encode([payload(value)], WORKFLOW);
    assert.equal(wordOf(readable!, 'encoding'), 'json/plain');
    assert.deepEqual(JSON.parse(Buffer.from(readable!.data!).toString()), value);
    const [encrypted] = await codecOf(FIRST, 'encrypted').encode([payload(value)], WORKFLOW);
    const all = [encrypted!.data!, ...Object.values(encrypted!.metadata ?? {})];
    assert.ok(all.every((bytes) => !Buffer.from(bytes).includes('salaries')));
    const [shown] = revealPayloads(keysOf(FIRST), [encrypted!]);
    assert.deepEqual(defaultPayloadConverter.fromPayload(shown!), value);
    const states = revealPayloads(keysOf(SECOND), [encrypted!, readable!, payload(value)]);
    assert.deepEqual(
      states.map((one) => wordOf(one, SHOWN)),
      ['unopened', 'readable', 'unsealed'],
    );
    assert.match(
      String(defaultPayloadConverter.fromPayload(states[0]!)),
      /can not open this: sealed with the key/,
    );
    assert.deepEqual(defaultPayloadConverter.fromPayload(states[1]!), value);
  });

  it('is the same in both settings for who has the key, so that the setting may change', async () => {
    for (const [from, to] of [
      ['readable', 'encrypted'],
      ['encrypted', 'readable'],
    ] as const) {
      const sealed = await codecOf(FIRST, from).encode([payload(1)], WORKFLOW);
      assert.equal((await codecOf(FIRST, to).decode(sealed, WORKFLOW)).length, 1);
    }
  });
});

describe('the payload key', () => {
  it('the payload key of a home is made once, readable by its owner only', async (t) => {
    const home = mkdtempSync(join(tmpdir(), 'longshore-key-'));
    t.after(() => rmSync(home, { recursive: true }));
    await ensureHome(home);
    assert.throws(() => readPayloadKeys({ home, payloadKey: undefined }), /LONGSHORE_PAYLOAD_KEY: unset/);
    ensurePayloadKey({ home, payloadKey: undefined });
    const { sealing } = readPayloadKeys({ home, payloadKey: undefined });
    assert.equal(statSync(payloadKeyPath(home)).mode & 0o777, 0o600);
    ensurePayloadKey({ home, payloadKey: undefined });
    assert.equal(readPayloadKeys({ home, payloadKey: undefined }).sealing.id, sealing.id);
  });

  it('an invalid payload key stops the start, without being shown', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'longshore-key-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'key');
    writeFileSync(file, 'a secret that is too short');
    for (const payloadKey of [
      { name: 'LONGSHORE_PAYLOAD_KEY', text: 'a secret that is too short' },
      { name: 'LONGSHORE_PAYLOAD_KEY', text: '' },
      { name: 'LONGSHORE_PAYLOAD_KEY_FILE', file },
      { name: 'LONGSHORE_PAYLOAD_KEY_FILE', file: join(folder, 'missing') },
    ]) {
      assert.throws(
        () => readPayloadKeys({ home: folder, payloadKey }),
        (error: LongshoreError) =>
          error.code === 'config-invalid' &&
          error.message.startsWith(payloadKey.name) &&
          !error.message.includes('too short'),
      );
    }
  });
});
