import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type AnyNode, parse } from 'acorn';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

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
  for (const file of globSync('{src,api,activities,workflows,migrations}/**/*.{ts,mjs}', { cwd: ROOT })) {
    if (file.endsWith('.d.mts')) continue;
    const code = codeOf(file);
    const options = { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true } as const;
    walk(parse(code, options), (node) => {
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
  }
  return { literals, made, headers };
}

function codeOf(file: string): string {
  const text = readFileSync(`${ROOT}${file}`, 'utf8');
  return file.endsWith('.ts') ? stripTypeScriptTypes(text) : text;
}

function walk(node: AnyNode, visit: (node: AnyNode) => void): void {
  visit(node);
  for (const value of Object.values(node) as unknown[]) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type === 'string') walk(child as AnyNode, visit);
    }
  }
}
