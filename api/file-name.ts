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

/** A name to show: without folders and control characters, and not endless. It never becomes a path. */
export function displayName(name: string | null | undefined): string {
  const base = (name ?? '').split(/[/\\]/).at(-1)!;
  const clean = base
    .replaceAll(/\p{Cc}/gu, '')
    .trim()
    .slice(0, LONGEST);
  return clean === '' ? 'upload.csv' : clean;
}
