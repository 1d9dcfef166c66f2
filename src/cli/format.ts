import { stripVTControlCharacters } from 'node:util';

/** Made when the first number is shown: loading a locale is a tenth of what `--help` costs. */
let whole: Intl.NumberFormat | undefined;
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function formatCount(count: number): string {
  whole ??= new Intl.NumberFormat('en-US');
  return whole.format(count);
}

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `8.2 s`, `3 min 20 s`, `2 h 5 min` */
export function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const rounded = Math.round(seconds);
  if (rounded < 3600) return `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
  return `${Math.floor(rounded / 3600)} h ${Math.floor((rounded % 3600) / 60)} min`;
}

/** An RFC 3339 moment in UTC as `2026-11-21 03:00:00`. */
export function formatTime(instant: string): string {
  return instant.slice(0, 19).replace('T', ' ');
}

/** Text that came from a file or another program, made safe for a terminal: no escape sequences, one line. */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\p{Cc}/gu, '\ufffd');
}

/** Columns under each other; a column whose cells are all numbers is aligned to the right. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, column) =>
    Math.max(...[name, ...rows.map((row) => row[column]!)].map((s) => s.length)),
  );
  const right = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^~?-?[\d,.]*$/.test(row[column]!)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (right[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  return [head, ...rows].map(line).join('\n');
}
