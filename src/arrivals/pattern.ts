/**
 * Patterns of paths: `*` any characters but a slash, `?` one of them, `**` whole folders, as many as there are, and
 * `{table}` the name of a table, which is a folder's name, or a name up to its first dot where a dot follows. Matched
 * by walking all ways at once (Thompson's construction), so that no path takes more than its length times the pattern's.
 */
export interface Pattern {
  matches(path: string): boolean;
  /** The text at `{table}`; null where the pattern has none. Of a path that matches. */
  tableOf(path: string): string | null;
  readonly hasTable: boolean;
  /** Segments of the longest path that can match. */
  readonly depth: number;
}

export class PatternError extends Error {}

export const PATTERN_MAX = 200;
const TABLE = '{table}';

type Token =
  | { readonly kind: 'char'; readonly char: string }
  /** One character, and any number of them, but no slash. */
  | { readonly kind: 'one' | 'some' }
  /** Everything, slashes too. */
  | { readonly kind: 'all' }
  /** Any number of folders: at the beginning of one, and within one. */
  | { readonly kind: 'folders' | 'folder' };

/** @throws PatternError */
export function parsePattern(text: string): Pattern {
  if (text === '' || text.length > PATTERN_MAX)
    throw new PatternError(`expected 1 to ${PATTERN_MAX} characters`);
  const segments = text.split('/');
  if (segments.some((one) => one === '' || one === '.' || one === '..')) {
    throw new PatternError('expected a path without empty, "." and ".." parts');
  }
  for (const char of text) {
    if (char < ' ' || char === '\\' || char === '\u007f')
      throw new PatternError('expected no backslash and no control character');
  }
  const tables = segments.flatMap((segment, at) => (segment.includes(TABLE) ? [at] : []));
  const [at] = tables;
  if (at !== undefined) checkTable(segments, tables, at);
  if (text.replaceAll(TABLE, '').search(/[{}]/) >= 0) throw new PatternError(`knows only ${TABLE} in braces`);
  const tokens = tokensOf(segments);
  const byDot = at !== undefined && segments[at] !== TABLE;
  return {
    matches: (path) => walk(tokens, path),
    tableOf(path) {
      const segment = at === undefined ? undefined : path.split('/')[at];
      if (segment === undefined) return null;
      const dot = byDot ? segment.indexOf('.') : -1;
      return dot < 0 ? segment : segment.slice(0, dot);
    },
    hasTable: at !== undefined,
    depth: segments.includes('**') ? Number.POSITIVE_INFINITY : segments.length,
  };
}

function checkTable(segments: readonly string[], tables: readonly number[], at: number): void {
  const segment = segments[at]!;
  const rest = segment.slice(TABLE.length);
  if (tables.length > 1 || segment.indexOf(TABLE) !== 0 || rest.includes(TABLE)) {
    throw new PatternError(`expected ${TABLE} once, at the beginning of a name`);
  }
  if (rest !== '' && !rest.startsWith('.')) {
    throw new PatternError(`expected a slash, a dot or the end after ${TABLE}`);
  }
  if (segments.slice(0, at).includes('**')) throw new PatternError(`expected no ** before ${TABLE}`);
}

function tokensOf(segments: readonly string[]): readonly Token[] {
  const tokens: Token[] = [];
  segments.forEach((segment, index) => {
    const isLast = index === segments.length - 1;
    if (segment === '**') {
      if (isLast) tokens.push({ kind: 'one' }, { kind: 'all' });
      else tokens.push({ kind: 'folders' }, { kind: 'folder' });
      return;
    }
    if (segment.includes('**')) throw new PatternError('expected ** as a whole part of the path');
    for (const char of segment.replace(TABLE, '?*')) {
      if (char === '*') tokens.push({ kind: 'some' });
      else if (char === '?') tokens.push({ kind: 'one' });
      else tokens.push({ kind: 'char', char });
    }
    if (!isLast) tokens.push({ kind: 'char', char: '/' });
  });
  return tokens;
}

function walk(tokens: readonly Token[], path: string): boolean {
  let here = new Uint8Array(tokens.length + 1);
  reach(tokens, here, 0);
  for (const char of path) {
    const next = new Uint8Array(tokens.length + 1);
    tokens.forEach((token, at) => {
      if (here[at]) step(tokens, token, at, char, next);
    });
    here = next;
  }
  return here[tokens.length] === 1;
}

function step(tokens: readonly Token[], token: Token, at: number, char: string, next: Uint8Array): void {
  const slash = char === '/';
  switch (token.kind) {
    case 'char':
      if (char === token.char) reach(tokens, next, at + 1);
      break;
    case 'one':
      if (!slash) reach(tokens, next, at + 1);
      break;
    case 'some':
      if (!slash) reach(tokens, next, at);
      break;
    case 'all':
      reach(tokens, next, at);
      break;
    case 'folders':
      if (!slash) reach(tokens, next, at + 1);
      break;
    case 'folder':
      reach(tokens, next, slash ? at - 1 : at);
      break;
  }
}

/** Marks a place, and those that are reached from it without a character. */
function reach(tokens: readonly Token[], places: Uint8Array, from: number): void {
  for (let at = from; places[at] === 0; ) {
    places[at] = 1;
    const kind = tokens[at]?.kind;
    if (kind === 'some' || kind === 'all') at += 1;
    else if (kind === 'folders') at += 2;
    else return;
  }
}
