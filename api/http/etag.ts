import fresh from 'fresh';

/**
 * Whether `If-None-Match` names the ETag; compared weakly, as it requires (RFC 9110, 13.1.2 and 8.8.3.2). No other header
 * matters: a client that wants the whole answer again leaves this one out.
 */
export function isKnown(header: string | undefined, etag: string): boolean {
  return fresh({ 'if-none-match': header }, { etag });
}
