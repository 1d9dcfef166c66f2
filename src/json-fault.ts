/** RFC 8259, sections 3 and 6: a value that is neither a string nor made of others. */
const PLAIN = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;
/** RFC 8259, section 7: what a backslash escapes, and how many characters follow it. */
const ESCAPES = new Set([...'"\\/bfnrt'].map((char) => char.charCodeAt(0)));
const FOUR_DIGITS = /[0-9a-fA-F]{4}/y;
const [LF, SPACE_CODE, QUOTE, BACKSLASH, LOWER_U] = [0x0a, 0x20, 0x22, 0x5c, 0x75];
const SPACE = /[ \t\n\r]*/y;

/** What is wrong with a text that is not JSON, and where: `line` and `column` count from 1, columns in UTF-16 units. */
export interface JsonFault {
  readonly what: string;
  readonly line: number;
  readonly column: number;
}

/** For a text that `JSON.parse` refused. */
export function describeJsonFault(text: string): JsonFault {
  const at = jsonFaultAt(text);
  let [line, start] = [1, 0];
  for (let before = 0; before < at; before++) {
    if (text.charCodeAt(before) !== LF) continue;
    line += 1;
    start = before + 1;
  }
  return {
    what: at >= text.length ? 'the JSON ends too early' : 'the JSON has a character that can not stand there',
    line,
    column: at - start + 1,
  };
}

/**
 * Where a text stops being JSON (RFC 8259): the offset of the first character that can't go on, or the text's
 * length when it ends too early. For the message of a problem only: `JSON.parse` decides whether there is a fault,
 * but in some of its errors it does not say where.
 */
export function jsonFaultAt(text: string): number {
  let at = 0;
  /** The closing brackets that are still owed, innermost last. */
  const owed: string[] = [];
  let expected: 'value' | 'value-or-end' | 'name' | 'name-or-end' | 'colon' | 'comma-or-end' = 'value';

  for (;;) {
    at = skip(SPACE, text, at);
    const char = text[at];
    if (char === undefined) return at;
    if (char === owed.at(-1) && (expected.endsWith('-or-end') || expected === 'comma-or-end')) {
      owed.pop();
      at += 1;
      expected = 'comma-or-end';
    } else if (expected === 'colon' && char === ':') {
      at += 1;
      expected = 'value';
    } else if (expected === 'comma-or-end') {
      if (char !== ',' || owed.length === 0) return at;
      at += 1;
      expected = owed.at(-1) === '}' ? 'name' : 'value';
    } else if (expected === 'name' || expected === 'name-or-end') {
      const end = char === '"' ? skipString(text, at) : at;
      if (end === at) return at;
      at = end;
      expected = 'colon';
    } else if (expected === 'colon') {
      return at;
    } else if (char === '{' || char === '[') {
      owed.push(char === '{' ? '}' : ']');
      at += 1;
      expected = char === '{' ? 'name-or-end' : 'value-or-end';
    } else {
      const end = char === '"' ? skipString(text, at) : skip(PLAIN, text, at);
      if (end === at) return at;
      at = end;
      expected = 'comma-or-end';
    }
  }
}

/** Past its closing quote; `at` where the string is broken. A loop: a pattern for each escape takes ten times as long. */
function skipString(text: string, at: number): number {
  for (let end = at + 1; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === QUOTE) return end + 1;
    if (code < SPACE_CODE) return at;
    if (code !== BACKSLASH) continue;
    end += 1;
    if (ESCAPES.has(text.charCodeAt(end))) continue;
    if (text.charCodeAt(end) !== LOWER_U || skip(FOUR_DIGITS, text, end + 1) === end + 1) return at;
    end += 4;
  }
  return at;
}

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
