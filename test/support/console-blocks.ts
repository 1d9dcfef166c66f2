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

/** Whether a command wants another line: its last one ends in a backslash, or a here-document is open. */
function goesOn(command: readonly string[]): boolean {
  const [, mark] = /<<'?(\w+)'?/.exec(command[0]!) ?? [];
  return (mark !== undefined && command.at(-1) !== mark) || command.at(-1)!.endsWith('\\');
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

/** What is another at each run, and what stands for it when outputs are compared. */
const VOLATILE: readonly (readonly [RegExp, string])[] = [
  [/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, 'UUID'],
  [/\b\d{8}T\d{6}Z-[0-9a-f]{6}\b/g, 'BACKUP'],
  [/\b[0-9a-f]{8}-((?:load|restore|dry-run|backup|batches)-)/g, 'INSTALLATION-$1'],
  [/\b((?:load|restore|dry-run)-\d+)-[0-9a-f]{12}\b/g, '$1-HASH'],
  [/\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z?/g, 'TIME'],
  [/\b\d+(?:\.\d+)? s\b/g, 'SECONDS'],
  [/\b[\d,.]+ (?:B|KiB|MiB)(?= |$)/g, 'SIZE'],
  [/ {2,}/g, '  '],
];

/**
 * An output in the form in which it is compared: without trailing space and empty lines at its ends, and with a name
 * in the place of each value that another run has otherwise (ports, IDs, times, sizes).
 */
export function comparable(output: readonly string[]): string[] {
  const lines = output.map((line) =>
    VOLATILE.reduce((text, [pattern, name]) => text.replaceAll(pattern, name), line.trimEnd()),
  );
  while (lines[0] === '') lines.shift();
  while (lines.at(-1) === '') lines.pop();
  return lines;
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
