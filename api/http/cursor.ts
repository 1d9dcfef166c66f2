import { z } from 'zod';
import { LongshoreError } from '../../src/errors.ts';

/** Of base64url: an address has to fit into 64 KiB. */
const CURSOR_MAX = 20_000;

/** The parameter `after`: where a page begins, as the `next` of the page before it says. */
export const cursorParameter = z
  .string()
  .max(CURSOR_MAX)
  .regex(/^[A-Za-z0-9_-]+$/)
  .optional()
  .meta({ description: "Where to go on: from the page before's `next`" });

/** @param key the last row's texts of the fields that the page is ordered by */
export function encodeCursor(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** @throws LongshoreError `invalid-request` for what `encodeCursor` has not made */
export function decodeCursor(text: string): readonly string[] {
  try {
    return z
      .array(z.string())
      .min(1)
      .parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
  } catch (cause) {
    throw noCursor(cause);
  }
}

function noCursor(cause?: unknown): LongshoreError {
  const detail = 'after: is not the cursor of a page';
  return new LongshoreError('invalid-request', detail, { cause, places: [{ parameter: 'after', detail }] });
}
