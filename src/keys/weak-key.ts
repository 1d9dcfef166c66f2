/** 128 bits as hex digits: a key that is shorter, or has less entropy, may be guessed. */
const SAFE_CHARACTERS = 32;
const SAFE_BITS = 100;

/**
 * @returns why a chosen key is weak, or null. Estimated from the text alone: its characters' entropy (Shannon) times its
 *   length, where repetitions count once
 */
export function weaknessOf(text: string): string | null {
  const key = text.trim();
  if (key.length < SAFE_CHARACTERS)
    return `it has ${key.length} characters, and should have ${SAFE_CHARACTERS} or more`;
  return bitsOf(withoutRepeats(key)) < SAFE_BITS ? 'it repeats itself, or uses few characters' : null;
}

function bitsOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / text.length);
  return bits;
}

/** Removes every three characters that occurred before. */
function withoutRepeats(text: string): string {
  const seen = new Set<string>();
  let left = '';
  for (let at = 0; at < text.length; at++) {
    const three = text.slice(at, at + 3);
    if (three.length === 3 && seen.has(three)) at += 2;
    else left += text[at];
    seen.add(three);
  }
  return left;
}
