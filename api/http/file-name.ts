import { parse } from 'content-disposition';
import { firstOf } from '../../src/shorten.ts';

const LONGEST = 255;

/** The file name in a `Content-Disposition` header (RFC 6266; `filename*` by RFC 8187), or null. */
export function dispositionFileName(header: string | undefined): string | null {
  return header === undefined ? null : (parse(header).parameters.filename ?? null);
}

/** Characters that steer a terminal, end a line, or turn the direction of the text around them. */
const STEERING = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** A name to show: without folders and control characters, and not endless. It never becomes a path. */
export function displayName(name: string | null | undefined): string {
  const base = (name ?? '').split(/[/\\]/).at(-1)!;
  const clean = firstOf(base.replaceAll(STEERING, '').trim(), LONGEST);
  return clean === '' ? 'upload.csv' : clean;
}
