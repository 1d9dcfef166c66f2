/** Whether `If-None-Match` names the ETag; compared weakly, as it asks (RFC 9110, 13.1.2 and 8.8.3.2). */
export function isKnown(header: string | undefined, etag: string): boolean {
  return (header ?? '')
    .split(',')
    .some((one) => one.trim().replace(/^W\//, '') === etag || one.trim() === '*');
}
