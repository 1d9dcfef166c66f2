/**
 * Text of others in what the Web UI shows as Markdown: file names, names of tables and reports. Pure: workflows use it.
 */

/** In a line of its own or within one: what Markdown would take for more than text is escaped. */
export function plainMarkdown(text: string): string {
  return oneLine(text).replaceAll(/[\\`*[\]<>~|&]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\$&');
}

/** As code, in as many backticks as it takes: nothing within it is Markdown, and no address becomes a link. */
export function codeMarkdown(text: string): string {
  const line = oneLine(text);
  let longest = 0;
  let run = 0;
  for (const character of line) {
    run = character === '`' ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  const fence = '`'.repeat(longest + 1);
  // Markdown takes one space from each side where both have one, unless there is nothing else.
  const spaced = line.startsWith(' ') && line.endsWith(' ') && line.trim() !== '';
  const padded = line.startsWith('`') || line.endsWith('`') || spaced ? ` ${line} ` : line || ' ';
  return fence + padded + fence;
}

/** A line end would end the paragraph, and other control characters show as nothing. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, '\ufffd');
}
