/** A literal says more than its placeholders. */
const LEAST_WORDS = 3;

/**
 * What a `raise` says without the values that it puts in: the literal of the function's source that the message was made
 * of, with an ellipsis for each value. null: no literal of the source makes this message, so all of it may be values.
 */
export function wordsOfRaise(message: string, sources: readonly string[]): string | null {
  for (const source of sources) {
    for (const literal of literalsOf(source)) {
      const pieces = literal.replaceAll('%%', '\0').split('%');
      const words = pieces.map((piece) => piece.replaceAll('\0', '%'));
      if (words.join('').trim().length >= LEAST_WORDS && isMadeOf(message, words)) return words.join('…');
    }
  }
  return null;
}

/** The message of an error about names, in which only those stay that are part of a source: others may be values. */
export function namesOfSources(message: string, sources: readonly string[]): string {
  const isTheirs = (name: string) => sources.some((source) => source.includes(name));
  return message
    .split('"')
    .map((part, n) => {
      if (n % 2 === 1) return isTheirs(part) ? part : '…';
      return part
        .split(' ')
        .map((word, at, words) =>
          NAMED.has(words[at - 1] ?? '') && !isTheirs(nameIn(word)) ? shown(word) : word,
        )
        .join(' ');
    })
    .join('"');
}

/** Words of PostgreSQL's messages that a name follows without quotes. */
const NAMED: ReadonlySet<string> = new Set(
  (
    'aggregate column database domain function index materialized operator procedure relation role routine schema ' +
    'sequence table type variable view'
  ).split(' '),
);
/** Words of its own that come in the place of such a name. */
const OWN: ReadonlySet<string> = new Set(
  'and cannot does for from has in is must name names of or owner reference size sizes that to view with'.split(
    ' ',
  ),
);

function shown(word: string): string {
  return word === '' || OWN.has(word) ? word : '…';
}

/** `audit` of `audit(integer,`; `x` of `new.x`. */
function nameIn(word: string): string {
  const name = word.split('(', 1)[0]!.replaceAll(/[,:;]/g, '');
  return name.slice(name.lastIndexOf('.') + 1);
}

/** Texts in single quotes. Where a comment has an apostrophe, the texts between are tried as well. */
function literalsOf(source: string): readonly string[] {
  return source
    .replaceAll("''", '\u0001')
    .split("'")
    .map((text) => text.replaceAll('\u0001', "'"));
}

/** Whether the message has these pieces in this order, from its beginning to its end, with anything between them. */
function isMadeOf(message: string, pieces: readonly string[]): boolean {
  const [first, last] = [pieces[0]!, pieces.at(-1)!];
  if (pieces.length === 1) return message === first;
  if (!message.startsWith(first) || !message.endsWith(last)) return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = message.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= message.length - last.length;
}
