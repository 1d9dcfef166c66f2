import { basename } from 'node:path';
import { withoutEndings } from '../file-endings.ts';

/**
 * The table whose name a file has, without its endings: exactly, or but for case, spaces, hyphens and underscores.
 * @returns undefined where there is none, or more than one
 */
export function tableOfFile(file: string, tables: readonly string[]): string | undefined {
  const stem = withoutEndings(basename(file));
  if (tables.includes(stem)) return stem;
  const like = tables.filter((name) => plainOf(name) === plainOf(stem));
  return like.length === 1 ? like[0] : undefined;
}

function plainOf(name: string): string {
  return name.toLowerCase().replaceAll(/[-_. ]/g, '');
}
