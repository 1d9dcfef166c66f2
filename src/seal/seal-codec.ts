import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import type { Payload, PayloadCodec, SerializationContext } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { PayloadMode } from '../config.ts';
import { LongshoreError } from '../errors.ts';
import { type Mark, metadataOf, REFUSED, SEAL, USE, wordOf } from './arrived.ts';
import type { PayloadKey, PayloadKeys } from './payload-keys.ts';

/**
 * Seals payloads on their way through Temporal, and accepts only sealed ones. A seal is bound to a payload's purpose: the
 * namespace, the workflow, the activity, its position among the arguments, and whether it is an input or an output.
 *
 *   readable:   the payload as it was, with metadata `seal` = key ID (8 bytes) | HMAC-SHA-256 (32)
 *   encrypted:  metadata `seal` = key ID (8) | salt (16) | nonce (12), `seal-for` = what it is bound to, and as data
 *               AES-256-GCM of the payload (protobuf) | tag (16). The key is HMAC-SHA-256 of the salt by the key for
 *               encryption, so that nonces never meet, however many payloads one key seals.
 *
 * Both are opened whatever the mode, which may change while workflows are under way.
 */
export interface SealOptions {
  readonly keys: PayloadKeys;
  readonly mode: PayloadMode;
  /**
   * The handling of a payload that is not sealed for its place: `throw` (`payload-refused`), `mark` it for the
   * interceptors, which decide what has to end then, or `admit` it, once, when a platform takes over what it started
   * before there were seals.
   */
  readonly unsealed: 'throw' | 'mark' | 'admit';
  /** The mark of the current activity, if there is one, for its answer. */
  readonly activityMark?: () => Mark | null;
}

const ID_BYTES = 8;
const MAC_BYTES = 32;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FOR = 'seal-for';
const ENCRYPTED = 'longshore/encrypted';
/** Temporal adds the time to the workflow ID of a schedule's action, which is sealed before that is known. */
const SCHEDULED_AT = /-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;

export function createSealCodec(options: SealOptions): PayloadCodec {
  const { keys, mode, unsealed } = options;
  return {
    async encode(payloads, context) {
      return payloads.map((payload, index) => {
        const marked = withMark(payload, context, options);
        const bound = boundTo(context, index, payloads.length);
        return mode === 'encrypted'
          ? encrypt(keys.sealing, marked, bound)
          : sign(keys.sealing, marked, bound);
      });
    },

    async decode(payloads, context) {
      return payloads.map((payload, index) => {
        const opened = open(keys, payload, placesOf(context, index, payloads.length));
        if (typeof opened !== 'string') return opened;
        if (unsealed === 'admit' && !payload.metadata?.[SEAL]) return payload;
        const reason = `${opened}: ${nameOf(context)}`;
        if (unsealed !== 'mark') throw new LongshoreError('payload-refused', reason);
        return { metadata: { encoding: Buffer.from(REFUSED) }, data: Buffer.from(reason) };
      });
    },
  };
}

/** Metadata of a payload shown to people: it was `opened`, `readable`, `unsealed`, or `unopened`. */
export const SHOWN = 'seal-shown';

/**
 * For people who may read everything: opens encrypted payloads, wherever they came from, and leaves others as they are,
 * with a mark that says which. The purpose is read from the payload itself, whose tag covers it. A shown payload is not
 * a trusted one: only workers check whether it is in its place.
 */
export function revealPayloads(keys: PayloadKeys, payloads: readonly Payload[]): Payload[] {
  return payloads.map((payload) => {
    if (wordOf(payload, 'encoding') !== ENCRYPTED) {
      return shownAs(payload.metadata?.[SEAL] ? 'readable' : 'unsealed', payload);
    }
    const opened = open(keys, payload, [wordOf(payload, FOR) ?? '']);
    if (typeof opened !== 'string') return shownAs('opened', opened);
    const data = Buffer.from(JSON.stringify(`Longshore can not open this: ${opened}`));
    return shownAs('unopened', { metadata: { encoding: Buffer.from('json/plain') }, data });
  });
}

function shownAs(state: 'opened' | 'readable' | 'unsealed' | 'unopened', payload: Payload): Payload {
  return { ...payload, metadata: { ...payload.metadata, [SHOWN]: Buffer.from(state) } };
}

/** The workflow sandbox marks its own payloads. Elsewhere, activities send outputs, and everybody else inputs. */
function withMark(
  payload: Payload,
  context: SerializationContext | undefined,
  { activityMark }: SealOptions,
): Payload {
  if (payload.metadata?.[USE]) return payload;
  const mark: Mark = context?.type === 'activity' ? { ...activityMark?.(), use: 'output' } : { use: 'input' };
  return { ...payload, metadata: { ...payload.metadata, ...metadataOf(mark) } };
}

function boundTo(context: SerializationContext | undefined, index: number, count: number): string {
  const where =
    context === undefined
      ? []
      : context.type === 'workflow'
        ? ['workflow', context.namespace, context.workflowId]
        : [
            context.isLocal ? 'local activity' : 'activity',
            context.namespace,
            context.workflowId ?? null,
            context.activityId ?? null,
          ];
  return JSON.stringify([...where, index, count]);
}

function placesOf(context: SerializationContext | undefined, index: number, count: number): string[] {
  const places = [boundTo(context, index, count)];
  if (context?.type === 'workflow' && SCHEDULED_AT.test(context.workflowId)) {
    const workflowId = context.workflowId.replace(SCHEDULED_AT, '');
    places.push(boundTo({ ...context, workflowId }, index, count));
  }
  return places;
}

function nameOf(context: SerializationContext | undefined): string {
  if (context === undefined) return 'of no workflow';
  const workflow = context.workflowId === undefined ? 'no workflow' : `workflow ${context.workflowId}`;
  return context.type === 'workflow' ? workflow : `activity ${context.activityId ?? '?'} of ${workflow}`;
}

function sign(key: PayloadKey, payload: Payload, bound: string): Payload {
  const seal = Buffer.concat([Buffer.from(key.id, 'hex'), macOf(key, payload, bound)]);
  return { ...payload, metadata: { ...payload.metadata, [SEAL]: seal } };
}

/** Metadata goes in as JSON, in which no two are the same text, and with its length, so that the data begin where they do. */
function macOf({ authentication }: PayloadKey, { metadata, data }: Payload, bound: string): Buffer {
  const pieces = [bound];
  for (const name of Object.keys(metadata ?? {}).sort()) {
    if (name !== SEAL) pieces.push(name, Buffer.from(metadata?.[name] ?? EMPTY).toString('latin1'));
  }
  const head = JSON.stringify(pieces);
  const mac = createHmac('sha256', authentication).update(`${head.length} ${head}`);
  // protobufjs reads no bytes as an empty array.
  return mac.update(data?.length ? data : EMPTY).digest();
}

const EMPTY = Buffer.alloc(0);

function encrypt(key: PayloadKey, payload: Payload, bound: string): Payload {
  const seal = Buffer.concat([Buffer.from(key.id, 'hex'), randomBytes(SALT_BYTES + NONCE_BYTES)]);
  const cipher = createCipheriv('aes-256-gcm', ...secretsOf(key, seal)).setAAD(aadOf(seal, bound));
  const plain = PayloadMessage.encode(payload).finish();
  const data = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return { metadata: { encoding: Buffer.from(ENCRYPTED), [SEAL]: seal, [FOR]: Buffer.from(bound) }, data };
}

function aadOf(seal: Uint8Array, bound: string): Buffer {
  return Buffer.concat([seal, Buffer.from(bound)]);
}

function secretsOf({ encryption }: PayloadKey, seal: Uint8Array): [key: KeyObject, nonce: Uint8Array] {
  const salt = seal.subarray(ID_BYTES, ID_BYTES + SALT_BYTES);
  const key = createSecretKey(createHmac('sha256', encryption).update(salt).digest());
  return [key, seal.subarray(ID_BYTES + SALT_BYTES)];
}

/** @returns the payload as it was before it was sealed, with its mark; else why it is refused */
function open(keys: PayloadKeys, payload: Payload, places: readonly string[]): Payload | string {
  const seal = payload.metadata?.[SEAL];
  if (!seal) return 'not sealed';
  const id = Buffer.from(seal.subarray(0, ID_BYTES)).toString('hex');
  const key = keys.byId.get(id);
  if (key === undefined) return `sealed with the key ${id}, which is not here`;
  const isEncrypted = wordOf(payload, 'encoding') === ENCRYPTED;
  const opened = isEncrypted ? decrypt(key, payload, seal, places) : verify(key, payload, seal, places);
  return opened ?? 'sealed for something else, or changed';
}

function verify(
  key: PayloadKey,
  payload: Payload,
  seal: Uint8Array,
  places: readonly string[],
): Payload | null {
  if (seal.length !== ID_BYTES + MAC_BYTES) return null;
  const stated = seal.subarray(ID_BYTES);
  if (!places.some((place) => timingSafeEqual(macOf(key, payload, place), stated))) return null;
  const { [SEAL]: _, ...metadata } = payload.metadata ?? {};
  return { metadata, data: payload.data };
}

function decrypt(
  key: PayloadKey,
  { metadata, data }: Payload,
  seal: Uint8Array,
  places: readonly string[],
): Payload | null {
  const stated = metadata?.[FOR] && Buffer.from(metadata[FOR]).toString();
  const bound = places.find((place) => place === stated);
  if (bound === undefined || !data || data.length < TAG_BYTES) return null;
  if (seal.length !== ID_BYTES + SALT_BYTES + NONCE_BYTES) return null;
  const decipher = createDecipheriv('aes-256-gcm', ...secretsOf(key, seal))
    .setAAD(aadOf(seal, bound))
    .setAuthTag(data.subarray(-TAG_BYTES));
  try {
    const plain = Buffer.concat([decipher.update(data.subarray(0, -TAG_BYTES)), decipher.final()]);
    return PayloadMessage.decode(plain);
  } catch {
    return null;
  }
}
