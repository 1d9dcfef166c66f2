import { visitSource } from './source-tree.ts';

/** The regular expressions of the product's source: the literal ones, and where one is made of text. */
export interface SourcePatterns {
  readonly literals: ReadonlyMap<string, { readonly pattern: string; readonly flags: string; at: string }>;
  /** How many are made of text (`new RegExp(…)`, `RE2JS.compile(…)`), by file. */
  readonly made: Readonly<Record<string, number>>;
  /** Names of the request headers that the API asks for. */
  readonly headers: ReadonlySet<string>;
}

/** Parses every file of the product. */
export function readSourcePatterns(): SourcePatterns {
  const literals = new Map<string, { pattern: string; flags: string; at: string }>();
  const made: Record<string, number> = {};
  const headers = new Set<string>();
  visitSource('{src,api,activities,workflows,migrations}/**/*.{ts,mjs}', ({ node, file, code }) => {
    if (node.type === 'Literal' && node.regex) {
      const { pattern, flags } = node.regex;
      const at = `${file}: /${pattern}/${flags}`;
      literals.set(`/${pattern}/${flags}`, { pattern, flags, at });
    }
    if (node.type !== 'NewExpression' && node.type !== 'CallExpression') return;
    const callee = code.slice(node.callee.start, node.callee.end);
    if (callee === 'RegExp' || callee === 'RE2JS.compile') {
      made[file] = (made[file] ?? 0) + 1;
    }
    const [name] = node.arguments;
    if (callee.endsWith('req.get') && name?.type === 'Literal') headers.add(String(name.value));
  });
  return { literals, made, headers };
}
