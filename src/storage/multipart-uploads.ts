import { AwsClient } from 'aws4fetch';
import type { StorageKeys } from '../config.ts';
import { LongshoreError } from '../errors.ts';

/** A bucket, or a part of one. */
export interface BucketPlace {
  readonly bucket: string;
  readonly region: string;
  /** Unset: AWS's own. */
  readonly endpoint: string | undefined;
  /** Path of the storage in the bucket, without slashes at its ends; empty: the whole bucket. */
  readonly root: string;
}

interface Upload {
  readonly key: string;
  readonly uploadId: string;
  readonly initiatedAt: number;
}

interface Page {
  readonly uploads: readonly Upload[];
  /** The next page begins after this key; null: this is the last one. */
  readonly next: string | null;
}

const ANSWER_MS = 30_000;
const RETRIES = 2;
const MOST_A_PAGE = 1_000;

/**
 * Ends multipart uploads that nobody will complete, since their process died: they are no objects, nothing lists them
 * with these, and their parts cost room for ever. OpenDAL has no call for it, so these are S3's own requests.
 *
 * @param folders prefixes below the storage's root, with a slash at their end; whatever else is in the bucket stays
 * @returns false where it can not be done: the keys are OpenDAL's own finding, or the server does not know the request
 */
export async function abortOldUploads(
  place: BucketPlace,
  { accessKeyId, secretAccessKey, sessionToken }: StorageKeys,
  { folders, olderThanMs, pageSize = MOST_A_PAGE }: AbortOptions,
): Promise<boolean> {
  if (accessKeyId === undefined || secretAccessKey === undefined) return false;
  const client = new AwsClient({
    ...{ accessKeyId, secretAccessKey, service: 's3', region: place.region, retries: RETRIES },
    ...(sessionToken !== undefined && { sessionToken }),
  });
  const before = Date.now() - olderThanMs;
  const request = async (method: 'GET' | 'DELETE', path: string, query: Readonly<Record<string, string>>) => {
    const url = `${bucketUrl(place)}${path}?${new URLSearchParams(query)}`;
    const answer = await client
      .fetch(url, { method, signal: AbortSignal.timeout(ANSWER_MS) })
      .catch((cause) => {
        throw new LongshoreError('storage-unavailable', 'the storage does not answer', { cause });
      });
    return { status: answer.status, text: await answer.text() };
  };
  for (const folder of folders) {
    const prefix = place.root === '' ? folder : `${place.root}/${folder}`;
    const old: Upload[] = [];
    for (let after: string | null = ''; after !== null; ) {
      // By key alone: not every server takes its own `upload-id-marker`. Of several uploads of one key, which only one
      // that was repeated has, those beyond the page's end come the next time.
      const marker: Record<string, string> = after === '' ? {} : { 'key-marker': after };
      const query = {
        uploads: '',
        prefix,
        'encoding-type': 'url',
        'max-uploads': String(pageSize),
        ...marker,
      };
      const { status, text } = await request('GET', '', query);
      if (status === 501) return false;
      if (status !== 200) throw refused('list its unfinished uploads', status);
      const page = readPage(text, after);
      // Some servers take the prefix for a wish.
      old.push(...page.uploads.filter((one) => one.key.startsWith(prefix) && one.initiatedAt < before));
      after = page.next;
    }
    for (const { key, uploadId } of old) {
      const { status } = await request('DELETE', `/${encodePath(key)}`, { uploadId });
      // Another process was quicker.
      if (status !== 204 && status !== 200 && status !== 404)
        throw refused('end an unfinished upload', status);
    }
  }
  return true;
}

export interface AbortOptions {
  readonly folders: readonly string[];
  readonly olderThanMs: number;
  /** How many the server lists at a time. */
  readonly pageSize?: number;
}

function bucketUrl({ bucket, region, endpoint }: BucketPlace): string {
  const base = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`);
  return `${base.origin}${base.pathname === '/' ? '' : base.pathname}/${encodeURIComponent(bucket)}`;
}

function encodePath(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/');
}

function refused(what: string, status: number): LongshoreError {
  return new LongshoreError('storage-unavailable', `the storage refused to ${what} (HTTP ${status})`);
}

/** An answer of ListMultipartUploads; `after`: where it was asked to begin. */
function readPage(xml: string, after: string): Page {
  const decode = first(xml, 'EncodingType') === 'url' ? fromUrl : (text: string) => text;
  const uploads = [...elements(xml, 'Upload')].map((upload) => ({
    key: decode(first(upload, 'Key') ?? ''),
    uploadId: first(upload, 'UploadId') ?? '',
    initiatedAt: Date.parse(first(upload, 'Initiated') ?? ''),
  }));
  const next = decode(first(xml, 'NextKeyMarker') ?? '');
  // A server that names the same place again would be asked for ever.
  const isLast = first(xml, 'IsTruncated') !== 'true' || next === '' || next === after;
  return { uploads, next: isLast ? null : next };
}

/** Texts of the elements of a name; S3's answers have no attributes but on the outermost one. In linear time. */
function* elements(xml: string, name: string): Generator<string> {
  const [open, close] = [`<${name}>`, `</${name}>`];
  for (let at = 0; ; ) {
    const start = xml.indexOf(open, at);
    const end = start < 0 ? -1 : xml.indexOf(close, start);
    if (end < 0) return;
    yield xml.slice(start + open.length, end);
    at = end + close.length;
  }
}

function first(xml: string, name: string): string | null {
  for (const text of elements(xml, name)) return withoutEntities(text);
  return null;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function withoutEntities(text: string): string {
  return text.replaceAll(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w{2,4}));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

function fromUrl(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
