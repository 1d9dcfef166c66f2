import { createHash } from 'node:crypto';
import { HttpError } from '../../api/http/problems.ts';
import { LongshoreError } from '../errors.ts';
import type { NewBatch } from './batch-service.ts';

/** A string of a structured field (RFC 9651, 3.3.3). */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;
const VISIBLE = /^[\x21-\x7e]{1,255}$/;

/** Either form, for the OpenAPI document. */
export const IDEMPOTENCY_KEY = /^(?:[!#-~][!-~]{0,254}|"(?:[!#-[\]-~]|\\["\\]){1,255}")$/;

/**
 * The key of an `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header-07): a structured field's string,
 * `"key"`, or the bare form that most clients send. null without the header.
 * @throws `invalid-request`
 */
export function idempotencyKeyOf(header: string | undefined): string | null {
  if (header === undefined) return null;
  const text = header.trim();
  const key = text.startsWith('"') ? QUOTED.exec(text)?.[1]?.replaceAll(/\\(.)/g, '$1') : text;
  if (key !== undefined && VISIBLE.test(key)) return key;
  const detail = 'Idempotency-Key: expected 1 to 255 visible ASCII characters, bare or as a quoted string';
  throw new LongshoreError('invalid-request', detail, { places: [{ parameter: 'Idempotency-Key', detail }] });
}

/** Tells a repeated request from another one: SHA-256, hex, of everything that decides the outcome. */
export function fingerprintOf(batch: Omit<NewBatch, 'sentBy' | 'idempotencyKey'>): string {
  const { table, mode, strict, format, body } = batch;
  return createHash('sha256')
    .update(JSON.stringify([table.name, mode, strict, format]))
    .update(body)
    .digest('hex');
}

/** The keys of requests that are under way in this process. Between processes the ledger's primary key decides. */
export class KeysInUse {
  readonly #fingerprints = new Map<string, string>();

  /**
   * @returns what lets the key go again
   * @throws `idempotency-key-in-use idempotency-key-reused`
   */
  claim(sentBy: string, key: string, fingerprint: string): () => void {
    const name = `${sentBy} ${key}`;
    const running = this.#fingerprints.get(name);
    if (running === fingerprint) {
      throw new HttpError('idempotency-key-in-use', 'the first request with this key has no outcome yet', {
        headers: { 'Retry-After': '1' },
      });
    }
    if (running !== undefined) throw keyReused();
    this.#fingerprints.set(name, fingerprint);
    return () => void this.#fingerprints.delete(name);
  }
}

export function keyReused(): LongshoreError {
  return new LongshoreError(
    'idempotency-key-reused',
    'the first request with this key had another table, mode, handling, format or body',
  );
}
