/**
 * The `console` blocks of a Markdown page: each command behind its `$ `, and below it what it prints. So a page can
 * be run from top to bottom, as somebody who reads it would, and compared with what really comes out.
 */
export interface ShownCommand {
  /** The command, with its continued lines and here-documents. */
  readonly command: string;
  /** The lines below it, as the page shows them. */
  readonly output: readonly string[];
  /** Number of the page's line with the `$ `, from 1. */
  readonly line: number;
  /** Where the output stands in the page's lines: from the first index up to, and without, the second. */
  readonly at: readonly [from: number, to: number];
}

const FENCE = '```';

export function shownCommands(markdown: string): ShownCommand[] {
  const lines = markdown.split('\n');
  const found: ShownCommand[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    if (lines[at] !== `${FENCE}console`) continue;
    const end = lines.indexOf(FENCE, at);
    at += 1;
    while (at < end) {
      if (!lines[at]!.startsWith('$ ')) throw new Error(`line ${at + 1}: expected "$ " and a command`);
      const line = at + 1;
      const command = [lines[at]!.slice(2)];
      while (goesOn(command)) command.push(lines[++at]!);
      const from = at + 1;
      let to = from;
      while (to < end && !lines[to]!.startsWith('$ ')) to += 1;
      found.push({ command: command.join('\n'), output: lines.slice(from, to), line, at: [from, to] });
      at = to;
    }
  }
  return found;
}

/** Whether a command wants another line: a here-document or a quote is open, or its last line ends in a backslash. */
function goesOn(command: readonly string[]): boolean {
  const [, mark] = /<<'?(\w+)'?/.exec(command[0]!) ?? [];
  if (mark !== undefined) return command.at(-1) !== mark;
  const quotes = command.join('\n').split("'").length - 1;
  return quotes % 2 === 1 || command.at(-1)!.endsWith('\\');
}

/**
 * The page with another output below one of its commands; lines that say the same as before stay as they are. Of
 * several commands, begin with the last.
 */
export function withOutput(markdown: string, shown: ShownCommand, output: readonly string[]): string {
  const [from, to] = shown.at;
  const lines = markdown.split('\n');
  const known = new Map(shown.output.map((line) => [comparable([line])[0], line]));
  const mixed = output.map((line) => known.get(comparable([line])[0]) ?? line);
  return [...lines.slice(0, from), ...mixed, ...lines.slice(to)].join('\n');
}

/** IDs, which are others at each run: each by the name that stands for it when outputs are compared. */
const IDS: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, 'UUID'],
  [/\b\d{8}T\d{6}Z-[0-9a-f]{6}\b/g, 'BACKUP'],
  [/\b[0-9a-f]{8}(?=-(?:load|restore|dry-run|drill|backup|batches|schedule)-)/g, 'INSTALLATION'],
  [/\b[0-9a-f]{12}\b/g, 'HEX'],
];

/** What else is another at each run. */
const VOLATILE: readonly (readonly [RegExp, string])[] = [
  [/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT'],
  [/\beyJ[\w.-]+/g, 'TOKEN'],
  [/\b20(?:2[5-9]|[3-9]\d)-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z?/g, 'TIME'],
  [/\b(?:\d+ h \d+ min|\d+ min \d+ s|\d+(?:\.\d+)? s)\b/g, 'SECONDS'],
  [/\b[\d,]+ rows\/s/g, 'RATE'],
  [/"rowsPerSecond":\d+/g, '"rowsPerSecond":RATE'],
  [/\br=\d+;t=\d+/g, 'r=LEFT;t=LEFT'],
  [/\b42949\d{5}\b/g, 'GROUP'],
  [/\b[\d,.]+ (?:B|KiB|MiB)(?= |$)/g, 'SIZE'],
  [/ {2,}/g, '  '],
];

/**
 * An output in the form in which it is compared: without trailing space and empty lines at its ends, JSON on one line
 * and without spaces, and a name in the place of each value that another run has otherwise (ports, IDs, times, sizes).
 */
export function comparable(output: readonly string[]): string[] {
  const lines = jsonOnOneLine(output).map((line) =>
    [...IDS, ...VOLATILE].reduce((text, [pattern, name]) => text.replaceAll(pattern, name), line),
  );
  while (lines[0] === '') lines.shift();
  while (lines.at(-1) === '') lines.pop();
  return lines;
}

/** JSON that a page shows indented, as it is sent. */
function jsonOnOneLine(output: readonly string[]): string[] {
  const lines: string[] = [];
  let open: string | undefined;
  for (const line of output.map((each) => each.trimEnd())) {
    if (open !== undefined) {
      open += line;
      if (!/^[}\]]/.test(line)) continue;
    } else if (/^[{[]/.test(line)) {
      open = line;
      if (/^[{[]$/.test(line)) continue;
    }
    lines.push(open === undefined ? line : withoutSpaces(open));
    open = undefined;
  }
  return open === undefined ? lines : [...lines, withoutSpaces(open)];
}

function withoutSpaces(json: string): string {
  return json.replaceAll(/("(?:[^"\\]|\\.)*")|\s+/g, (_, string: string | undefined) => string ?? '');
}

/** Of each ID that a page shows, the one that stands in its place in the actual output. */
export function renamedIds(actual: readonly string[], shown: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  const left = jsonOnOneLine(actual).map((line) => ({ line, form: comparable([line])[0] }));
  for (const line of jsonOnOneLine(shown)) {
    const form = comparable([line])[0];
    const found = left.find((each) => each.form === form);
    if (found === undefined) continue;
    const ids = idsOf(found.line);
    for (const [at, id] of idsOf(line).entries()) pairs.push([id, ids[at]!]);
  }
  return pairs;
}

function idsOf(line: string): string[] {
  return IDS.flatMap(([pattern]) => line.match(pattern) ?? []);
}

/**
 * The actual output, comparable, put as the page shows it where the two differ in nothing but what the page leaves
 * out with an ellipsis (`…`): a part of a line, or, on a line of its own, lines up to the next one that is shown.
 * To be compared with `comparable(shown)`.
 */
export function asShown(actual: readonly string[], shown: readonly string[]): string[] {
  const expected = comparable(shown);
  const left = comparable(actual);
  const result: string[] = [];
  for (const [at, model] of expected.entries()) {
    if (model === '…') {
      const next = expected[at + 1];
      const end = next === undefined ? left.length : left.findIndex((line) => matches(line, next));
      left.splice(0, end < 0 ? left.length : end);
      result.push(model);
    } else if (left.length > 0) {
      const line = left.shift()!;
      result.push(matches(line, model) ? model : line);
    }
  }
  return [...result, ...left];
}

function matches(line: string, model: string): boolean {
  const parts = model.split('…');
  let from = 0;
  for (const [at, part] of parts.entries()) {
    const found =
      at === parts.length - 1 ? Math.max(line.length - part.length, from) : line.indexOf(part, from);
    if (found < 0 || !line.startsWith(part, found) || (at === 0 && found > 0)) return false;
    from = found + part.length;
  }
  return true;
}
