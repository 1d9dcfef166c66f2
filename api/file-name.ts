const EXTENDED = /;\s*filename\*\s*=\s*utf-8'[^']*'([^;\s]+)/i;
const QUOTED = /;\s*filename\s*=\s*"((?:[^"\\]|\\.)*)"/i;
const TOKEN = /;\s*filename\s*=\s*([^;"\s]+)/i;
const LONGEST = 255;

/** The file name in a `Content-Disposition` header (RFC 6266; `filename*` by RFC 8187), or null. */
export function dispositionFileName(header: string | undefined): string | null {
  if (header === undefined) return null;
  const extended = EXTENDED.exec(header)?.[1];
  if (extended !== undefined) {
    try {
      return decodeURIComponent(extended);
    } catch {
      // Broken percent-encoding: the plain parameter, when there is one, still says something.
    }
  }
  return QUOTED.exec(header)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? TOKEN.exec(header)?.[1] ?? null;
}

/** Characters that steer a terminal, end a line, or turn the direction of the text around them. */
const STEERING = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** A name to show: without folders and control characters, and not endless. It never becomes a path. */
export function displayName(name: string | null | undefined): string {
  const base = (name ?? '').split(/[/\\]/).at(-1)!;
  const clean = base.replaceAll(STEERING, '').trim().slice(0, LONGEST);
  // The cut may have gone through a character of two UTF-16 units.
  const whole = clean.replace(/[\uD800-\uDBFF]$/, '');
  return whole === '' ? 'upload.csv' : whole;
}
