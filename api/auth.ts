import type { Request } from 'express';
import type { KeyHolder, KeyStore, Scope } from '../src/keys/key-store.ts';
import { HttpError } from './problems.ts';

const REALM = 'Bearer realm="longshore"';
/** RFC 6750, section 2.1; the scheme's name is case-insensitive. */
const BEARER = /^bearer +(.+?) *$/i;

/**
 * Who asks, by `x-api-key` or `Authorization: Bearer`.
 * @throws HttpError `unauthenticated` with `WWW-Authenticate` (RFC 9110, 11.6.1)
 */
export async function authenticate(req: Request, keys: KeyStore): Promise<KeyHolder> {
  const sent = req.get('x-api-key') ?? BEARER.exec(req.get('authorization') ?? '')?.[1];
  if (sent === undefined) throw unauthenticated('no key was sent', REALM);
  const holder = await keys.verify(decodeHeader(sent));
  if (holder === null) {
    throw unauthenticated('the key is not known, or was revoked', `${REALM}, error="invalid_token"`);
  }
  return holder;
}

/** @throws HttpError `forbidden` unless the key has one of the scopes, or `admin` */
export function requireScope(holder: KeyHolder, anyOf: readonly Scope[]): void {
  if (holder.scopes.some((scope) => scope === 'admin' || anyOf.includes(scope))) return;
  throw new HttpError('forbidden', `this needs a key with the scope ${anyOf.join(' or ')}`, {
    headers: { 'WWW-Authenticate': `${REALM}, error="insufficient_scope", scope="${anyOf.join(' ')}"` },
  });
}

export function mayUseTable(holder: KeyHolder, table: string): boolean {
  return holder.tables === null || holder.tables.includes(table);
}

/** @throws HttpError `forbidden` when the key is limited to other tables, whether or not this one exists */
export function requireTable(holder: KeyHolder, table: string): void {
  if (mayUseTable(holder, table)) return;
  throw new HttpError('forbidden', `this key is limited to other tables than ${JSON.stringify(table)}`, {});
}

/** Node reads headers as Latin-1; an operator's key may be any text, which clients send as UTF-8. */
function decodeHeader(value: string): string {
  return Buffer.from(value, 'latin1').toString('utf8');
}

function unauthenticated(message: string, challenge: string): HttpError {
  return new HttpError('unauthenticated', message, { headers: { 'WWW-Authenticate': challenge } });
}
