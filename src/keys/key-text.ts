import { hash, randomBytes } from 'node:crypto';

/** The parts of a key's text, `lsk_<id>_<secret>`. */
export interface ApiKeyText {
  readonly id: string;
  readonly secret: string;
}

/** Bytes of a secret: 256 bits, beyond any search. */
const SECRET_BYTES = 32;
const ID_BYTES = 6;
const KEY_TEXT = /^lsk_([0-9a-z]{1,64})_([A-Za-z0-9_-]{43})$/;

/** A new key: a random ID, which may be shown and logged, and a random secret, which may not. */
export function newApiKeyText(): ApiKeyText {
  return {
    id: randomBytes(ID_BYTES).toString('hex'),
    secret: randomBytes(SECRET_BYTES).toString('base64url'),
  };
}

export function formatApiKey(key: ApiKeyText): string {
  return `lsk_${key.id}_${key.secret}`;
}

/** null when the text is not of Longshore's own form (a key that an operator chose). */
export function parseApiKey(text: string): ApiKeyText | null {
  const match = KEY_TEXT.exec(text);
  return match === null ? null : { id: match[1]!, secret: match[2]! };
}

/**
 * What is stored of a secret. Plain SHA-256: a slow hash protects guessable passwords, and a random 256-bit secret
 * can't be guessed; each request pays for this hash.
 */
export function hashSecret(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}
