import { LongshoreError } from '../../src/errors.ts';

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
