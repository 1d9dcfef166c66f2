import { z } from 'zod';
import { withoutTrailing } from '../shorten.ts';
import { DONE, FAILED } from './places.ts';

/**
 * Event notifications as S3 sends them, and what speaks like it: version 2 of AWS's event message structure. Whatever
 * else is in them is nobody's business here. Pure.
 */
export const s3EventsSchema = z
  .looseObject({
    Records: z
      .array(
        z.looseObject({
          eventName: z.string().optional(),
          s3: z.looseObject({
            bucket: z.looseObject({ name: z.string() }),
            object: z.looseObject({ key: z.string() }),
          }),
        }),
      )
      .max(10_000)
      .optional()
      .meta({ description: 'Absent in the test event that AWS sends when notifications are set up' }),
  })
  .meta({ id: 'S3Events' });
type S3Events = z.output<typeof s3EventsSchema>;

/** Where the storage is in S3. */
export interface BucketRoot {
  readonly bucket: string;
  /** With a slash at its end; empty: the whole bucket. */
  readonly root: string;
}

/** null: the storage is a folder. @param url as `openStorage` takes it */
export function bucketOf(url: string): BucketRoot | null {
  if (!url.startsWith('s3://')) return null;
  const { hostname, pathname } = new URL(url);
  const root = decodeURIComponent(withoutTrailing(pathname, '/')).slice(1);
  return { bucket: hostname, root: root === '' ? '' : `${root}/` };
}

/** Keys of the storage at which something was created. Events of other buckets and other kinds are left out. */
export function createdKeys({ Records = [] }: S3Events, place: BucketRoot | null): readonly string[] {
  if (place === null) return [];
  return Records.flatMap(({ eventName, s3 }) => {
    if (s3.bucket.name !== place.bucket || !isCreation(eventName)) return [];
    const key = decodeKey(s3.object.key);
    return key?.startsWith(place.root) ? [key.slice(place.root.length)] : [];
  });
}

/** AWS says `ObjectCreated:Put`, others `s3:ObjectCreated:Put`. */
function isCreation(eventName: string | undefined): boolean {
  return eventName === undefined || eventName.replace(/^s3:/, '').startsWith('ObjectCreated:');
}

/** Keys are encoded as a form's values are: `+` is a space. null: it is none that was encoded so. */
function decodeKey(key: string): string | null {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return null;
  }
}

/**
 * The arrivals in whose folders these keys are: for each key those with the longest prefix, and none where the file was
 * put there by an arrival itself.
 */
export function arrivalsOf(
  keys: readonly string[],
  arrivals: readonly { readonly id: string; readonly prefix: string }[],
): readonly string[] {
  const found = new Set<string>();
  for (const key of keys) {
    const above = arrivals.filter(({ prefix }) => key.startsWith(prefix));
    const longest = Math.max(...above.map(({ prefix }) => prefix.length));
    for (const { id, prefix } of above) {
      const below = key.slice(prefix.length);
      if (prefix.length === longest && !below.startsWith(DONE) && !below.startsWith(FAILED)) found.add(id);
    }
  }
  return [...found];
}
