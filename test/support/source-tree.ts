import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type AnyNode, parse } from 'acorn';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A node of a source file. */
export interface Place<Node extends AnyNode = AnyNode> {
  readonly node: Node;
  /** Of the file, outermost first. */
  readonly ancestors: readonly AnyNode[];
  /** From the root of the repository. */
  readonly file: string;
  /** The file's text, with blanks for its types. */
  readonly code: string;
  /** The file's text. */
  readonly source: string;
}

/** Visits every node of the files that match, each after those around it. */
export function visitSource(pattern: string, visit: (place: Place) => void): void {
  for (const file of globSync(pattern, { cwd: ROOT })) {
    if (file.endsWith('.d.mts')) continue;
    const source = readFileSync(`${ROOT}${file}`, 'utf8');
    const code = file.endsWith('.ts') ? stripTypeScriptTypes(source) : source;
    const options = { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true } as const;
    walk({ node: parse(code, options), ancestors: [], file, code, source }, visit);
  }
}

/** The URL of a file of the repository. */
export function sourceUrl(file: string): string {
  return new URL(`../../${file}`, import.meta.url).href;
}

function walk(place: Place, visit: (place: Place) => void): void {
  visit(place);
  const ancestors = [...place.ancestors, place.node];
  for (const value of Object.values(place.node) as unknown[]) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type === 'string') walk({ ...place, node: child as AnyNode, ancestors }, visit);
    }
  }
}
