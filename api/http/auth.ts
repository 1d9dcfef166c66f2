import type { Request } from 'express';
import { type ApiKeyHolder, OPERATOR_ID } from '../../src/keys/key-rows.ts';
import { formatApiKey, parseApiKey } from '../../src/keys/key-text.ts';
import type { Scope } from '../../src/keys/scope.ts';
import { looksLikeToken } from '../../src/keys/tokens.ts';
import { quoted } from '../../src/shorten.ts';
import { contextOf } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { MAX_CREDENTIAL } from './header-limits.ts';
import { HttpError } from './http-error.ts';

/** What a route says of it. */
interface AuthNeeds {
  readonly auth?: AuthScheme;
  /** Keys that are known without PostgreSQL are enough. */
  readonly withoutLedger?: boolean;
}

/** How a route authenticates: by API key or token, by an API key's ID and secret, or either way. */
export type AuthScheme = 'bearer' | 'basic' | 'any';

const BEARER_CHALLENGE = 'Bearer realm="longshore"';
const BASIC_CHALLENGE = 'Basic realm="longshore", charset="UTF-8"';
/** What Basic sends, RFC 7617, section 2. */
const BASE64 = /^[A-Za-z0-9+/_-]+=*$/;

type AuthDeps = Pick<ApiDeps, 'keys' | 'tokens' | 'strangers'>;

/**
 * Authenticates a request. Tries with wrong secrets are logged with the API key's ID, where they name one, and many are
 * coalesced; nobody is locked out, see `ApiKeyStore`.
 *
 * @throws HttpError `unauthenticated` with `WWW-Authenticate` (RFC 9110, 11.6.1)
 */
export async function authenticate(
  req: Request,
  deps: AuthDeps,
  { auth: scheme = 'bearer', withoutLedger = false }: AuthNeeds,
): Promise<ApiKeyHolder> {
  const isBearer = req.get('x-api-key') !== undefined || credentialOf(req, 'bearer') !== undefined;
  const taken = scheme === 'any' ? (isBearer ? 'bearer' : 'basic') : scheme;
  return taken === 'basic' ? byBasic(req, deps) : byBearer(req, deps, withoutLedger);
}

/** `x-api-key` with a key, or `Authorization: Bearer` with a key or a token, told apart by their form. */
async function byBearer(req: Request, deps: AuthDeps, withoutLedger: boolean): Promise<ApiKeyHolder> {
  const key = req.get('x-api-key');
  const bearer = key === undefined ? credentialOf(req, 'bearer') : undefined;
  const sent = key ?? bearer;
  if (sent === undefined) throw unauthenticated('no key was sent', BEARER_CHALLENGE);
  if (sent.length > MAX_CREDENTIAL) throw tooLong(`${BEARER_CHALLENGE}, error="invalid_token"`);
  const isToken = bearer !== undefined && looksLikeToken(bearer);
  const verify = withoutLedger ? deps.keys.verifyOrRecall : deps.keys.verify;
  const holder = isToken ? await byToken(bearer, deps) : await verify(decodeHeader(sent));
  if (holder !== null) return holder;
  logRefusal(req, deps, isToken ? null : (parseApiKey(sent)?.id ?? null));
  const message = isToken
    ? 'the token is not valid, or has ended, or its key was revoked'
    : 'the key is not known, or was revoked';
  throw unauthenticated(message, `${BEARER_CHALLENGE}, error="invalid_token"`);
}

/**
 * The credential after the scheme in `Authorization` (RFC 9110, 11.4; RFC 6750, 2.1): the scheme's name is
 * case-insensitive, spaces around the credential are no part of it. Undefined for another scheme, or without one.
 */
function credentialOf(req: Request, scheme: 'bearer' | 'basic'): string | undefined {
  const header = req.get('authorization') ?? '';
  if (header.slice(0, scheme.length + 1).toLowerCase() !== `${scheme} `) return undefined;
  return header.slice(scheme.length).trim() || undefined;
}

async function byToken(token: string, { tokens, keys }: AuthDeps): Promise<ApiKeyHolder | null> {
  const keyId = await tokens.verify(token);
  return keyId === null ? null : keys.holder(keyId);
}

/** A key's ID as the user and its secret, or its whole text, as the password. */
async function byBasic(req: Request, deps: AuthDeps): Promise<ApiKeyHolder> {
  const sent = credentialOf(req, 'basic');
  if (sent !== undefined && sent.length > MAX_CREDENTIAL) throw tooLong(BASIC_CHALLENGE);
  if (sent === undefined || !BASE64.test(sent)) {
    throw unauthenticated('no key was sent as Basic', BASIC_CHALLENGE);
  }
  const [, id = '', password = ''] =
    /^([^:]*):(.*)$/s.exec(Buffer.from(sent, 'base64').toString('utf8')) ?? [];
  const holder = await deps.keys.verify(keyTextOf(id, password));
  if (holder?.id === id) return holder;
  logRefusal(req, deps, parseApiKey(formatApiKey({ id, secret: '0'.repeat(43) }))?.id ?? null);
  throw unauthenticated('there is no key with this ID and secret, or it was revoked', BASIC_CHALLENGE);
}

function keyTextOf(id: string, password: string): string {
  if (id === OPERATOR_ID || parseApiKey(password)?.id === id) return password;
  return formatApiKey({ id, secret: password });
}

/** Logs the ID alone: the rest may be a secret with a typing error. */
function logRefusal(req: Request, { strangers }: AuthDeps, keyId: string | null): void {
  const { requestId, address } = contextOf(req.res!);
  strangers.write({
    level: 'warn',
    kind: 'refused',
    message: 'A key or token was refused',
    fields: { requestId },
    source: { keyId, address },
  });
}

/** @throws HttpError `forbidden` unless the key has one of the scopes, or `admin` */
export function requireScope(holder: ApiKeyHolder, anyOf: readonly Scope[]): void {
  if (holder.scopes.some((scope) => scope === 'admin' || anyOf.includes(scope))) return;
  throw new HttpError('forbidden', `this needs a key with the scope ${anyOf.join(' or ')}`, {
    headers: {
      'WWW-Authenticate': `${BEARER_CHALLENGE}, error="insufficient_scope", scope="${anyOf.join(' ')}"`,
    },
  });
}

export function mayUseTable(holder: ApiKeyHolder, table: string): boolean {
  return holder.tables === null || holder.tables.includes(table);
}

/**
 * Whether the API key may see objects of all of these tables; null: of every table. Objects that it may not see are
 * answered as if they did not exist, so that a guessed ID reveals nothing of other tables.
 */
export function mayUseTables(holder: ApiKeyHolder, tables: readonly string[] | null): boolean {
  return tables === null ? holder.tables === null : tables.every((table) => mayUseTable(holder, table));
}

/** @throws HttpError `forbidden` when the key is limited to other tables, whether or not this one exists */
export function requireTable(holder: ApiKeyHolder, table: string): void {
  if (mayUseTable(holder, table)) return;
  throw new HttpError('forbidden', `this API key is limited to other tables than ${quoted(table)}`, {});
}

/** Node reads headers as Latin-1; an operator's key may be any text, which clients send as UTF-8. */
function decodeHeader(value: string): string {
  return Buffer.from(value, 'latin1').toString('utf8');
}

function tooLong(challenge: string): HttpError {
  return unauthenticated(`the credential is longer than the ${MAX_CREDENTIAL} characters of any`, challenge);
}

function unauthenticated(message: string, challenge: string): HttpError {
  return new HttpError('unauthenticated', message, { headers: { 'WWW-Authenticate': challenge } });
}
