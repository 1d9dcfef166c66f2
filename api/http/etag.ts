import fresh from 'fresh';

/**
 * Whether `If-None-Match` names the ETag; compared weakly, as it asks (RFC 9110, 13.1.2 and 8.8.3.2). Of the request
 * nothing else decides: a client that wants the whole answer again leaves the header out.
 */
export function isKnown(header: string | undefined, etag: string): boolean {
  return fresh({ 'if-none-match': header }, { etag });
}
