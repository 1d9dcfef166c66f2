import { createHash, randomUUID } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Sql } from '../db/sql.ts';
import { createSigningKeys, type SigningKeys } from './signing-keys.ts';

/**
 * Tokens stand for an API key for half an hour: JWTs (RFC 7519) of the profile for access tokens (RFC 9068), signed with
 * HS256. A token holds the API key's ID and nothing else: its rights are those of the API key at that moment, and it
 * ends with it. The algorithm is pinned, never read from the token (RFC 8725, 3.1).
 */
export interface Tokens {
  issue(keyId: string): Promise<string>;
  /** The ID of its API key; null: not signed by us, changed, or expired. Does not check whether that key is valid. */
  verify(token: string): Promise<string | null>;
}

export const TOKEN_SECONDS = 30 * 60;
const ISSUER = 'longshore';
const AUDIENCE = 'longshore-api';
const TYPE = 'at+jwt';
const ALGORITHM = 'HS256';
/** Tolerated clock skew between processes. */
const TOLERANCE_SECONDS = 5;
/** How long a verified token is cached without checking its signature again. */
const CACHE_MS = 10_000;
const CACHE_ENTRIES = 1_000;

/** A JWS in its compact form (RFC 7515, 7.1) whose header is a JSON object; keys look different. */
const TOKEN = /^eyJ[\w-]*\.[\w-]*\.[\w-]*$/;
const MAX_LENGTH = 2_000;

export function looksLikeToken(text: string): boolean {
  return TOKEN.test(text);
}

/** A token's API key, and the time in which its signature need not be checked again. */
interface Belief {
  readonly keyId: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** @param now milliseconds since the epoch */
export function createTokens(sql: Sql, now: () => number = Date.now): Tokens {
  const keys = createSigningKeys(sql, { now, tokenMs: (TOKEN_SECONDS + TOLERANCE_SECONDS) * 1000 });
  // Entries have a beginning and an end, not an age: this clock may be set back.
  const believed = new LRUCache<string, Belief>({ max: CACHE_ENTRIES });

  return {
    async issue(keyId) {
      const { id, secret } = await keys.current();
      const issuedAt = Math.floor(now() / 1000);
      return new SignJWT({ client_id: keyId })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: id })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setSubject(keyId)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + TOKEN_SECONDS)
        .setJti(randomUUID())
        .sign(secret);
    },

    async verify(token) {
      if (token.length > MAX_LENGTH) return null;
      const name = createHash('sha256').update(token).digest('base64');
      const nowMs = now();
      const known = believed.get(name);
      if (known !== undefined && known.fromMs <= nowMs && nowMs < known.untilMs) return known.keyId;
      believed.delete(name);
      const checked = await check(keys, token, nowMs);
      if (checked === null) return null;
      const untilMs = Math.min(nowMs + CACHE_MS, checked.expiresAtMs);
      believed.set(name, { keyId: checked.keyId, fromMs: nowMs, untilMs });
      return checked.keyId;
    },
  };
}

async function check(
  keys: SigningKeys,
  token: string,
  nowMs: number,
): Promise<{ readonly keyId: string; readonly expiresAtMs: number } | null> {
  try {
    const { payload } = await jwtVerify(
      token,
      async ({ kid }) => {
        const key = typeof kid === 'string' ? await keys.find(kid) : null;
        if (key === null) throw new errors.JWKSNoMatchingKey();
        return key.secret;
      },
      {
        algorithms: [ALGORITHM],
        typ: TYPE,
        issuer: ISSUER,
        audience: AUDIENCE,
        // Even with a stolen signing key no token lives longer.
        maxTokenAge: TOKEN_SECONDS,
        clockTolerance: TOLERANCE_SECONDS,
        requiredClaims: ['sub', 'exp', 'iat', 'jti'],
        currentDate: new Date(nowMs),
      },
    );
    return { keyId: String(payload.sub), expiresAtMs: payload.exp! * 1000 };
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}
