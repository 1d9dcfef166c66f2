/** The most that an error or a log line repeats of a client's input, in UTF-16 units. */
const QUOTED_LENGTH = 80;

/** Cuts a text for a message, never through a character. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${firstOf(text, length - 1)}…`;
}

/** Text of others in a message: in quotes, control characters escaped, cut where it is long. */
export function quoted(text: string): string {
  return JSON.stringify(shorten(text, QUOTED_LENGTH));
}

/** The first `length` UTF-16 units of a text, without the first half of a character whose second half is cut off. */
export function firstOf(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  const half = text.length > length && last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, half ? length - 1 : length);
}

/** Without the character that a text ends in, however often. A loop: as an expression it would be quadratic. */
export function withoutTrailing(text: string, character: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === character) end--;
  return text.slice(0, end);
}

/** The beginning of a text that takes at most `bytes` in UTF-8; one that is cut ends in `…`. */
export function firstBytes(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes - Buffer.byteLength('…')));
  return `${text.slice(0, read)}…`;
}
