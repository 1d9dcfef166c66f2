import type { Response } from 'express';

/** Characters of an address in the header `Link`: what servers and proxies take of a header by default is 4 to 8 KiB. */
const LONGEST_LINK = 2_048;

type Parameters = Readonly<Record<string, string | number | boolean | undefined>>;

interface Listing<Query> {
  readonly res: Response;
  /** The address of the list, without parameters. */
  readonly self: string;
  readonly query: Query;
}

export interface Page<Entry> {
  readonly entries: readonly Entry[];
  /** The address of the next page; null on the last one. */
  readonly next: string | null;
}

/**
 * One page of a list. The address of the next one is in the `Link` header as well (RFC 8288), unless it is very long.
 * @param read reads the first entries, `limit` of them: one more than the page holds, to see whether there are more
 * @param after the parameters of the next page that replace this one's, made from the last entry
 */
export async function readPage<Entry, Query extends Parameters & { readonly limit: number }>(
  { res, self, query }: Listing<Query>,
  read: (limit: number) => Promise<readonly Entry[]>,
  after: (last: Entry) => Partial<Query>,
): Promise<Page<Entry>> {
  const { limit } = query;
  const found = await read(limit + 1);
  const next = found.length > limit ? { ...query, ...after(found[limit - 1]!) } : null;
  return { entries: found.slice(0, limit), next: linkNext(res, self, next) };
}

/** @param query of the next page; null: there is none. @returns its address, which `Link` has as well */
export function linkNext(res: Response, self: string, query: Parameters | null): string | null {
  if (query === null) return null;
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  const next = `${self}?${parameters}`;
  setLinks(res, { next });
  return next;
}

/**
 * The header `Link`, without addresses that are very long: what passes it on (proxies, clients) bounds headers. Bodies
 * have the addresses of other pages whatever their length.
 */
export function setLinks(res: Response, links: Readonly<Record<string, string>>): void {
  const short = Object.entries(links).filter(([, address]) => address.length <= LONGEST_LINK);
  if (short.length > 0) res.links(Object.fromEntries(short));
}
