import type { AnyNode, TaggedTemplateExpression, TemplateLiteral } from 'acorn';
import { ledgerEntities } from '../../src/ledger/entities.ts';
import { type Place, visitSource } from './source-tree.ts';

export interface DeclaredStatement {
  readonly at: string;
  /** What stands between what is put in. */
  readonly texts: readonly string[];
  /** Members of its rows, by name, where they are written out: `number`, `string | null` … */
  readonly row: ReadonlyMap<string, string> | null;
}

/** The ledger's statements as the source has them. */
export interface SourceStatements {
  /** Files that declare statements. */
  readonly files: ReadonlySet<string>;
  readonly declared: readonly DeclaredStatement[];
  /** Functions that make statements for a table, as `file function`. */
  readonly makers: ReadonlySet<string>;
  /** SQL that no test would see. */
  readonly faults: readonly string[];
}

const TAGS: readonly string[] = ['statement', 'statementFor', 'part'];
const tables = ledgerEntities.map(({ meta }) => meta.tableName).join('|');
/** Names a table of the ledger, or would with what is put in behind. */
const NAMES_TABLE = new RegExp(`\\blongshore\\.(?:(?:${tables})\\b|$)`);

/** Parses every file of the product that may speak SQL. */
export function readSourceStatements(pattern = '{src,api,activities}/**/*.ts'): SourceStatements {
  const files = new Set<string>();
  const makers = new Set<string>();
  const faults: string[] = [];
  const declared: DeclaredStatement[] = [];
  visitSource(pattern, (place) => {
    const { node, ancestors, file, code, source } = place;
    const at = () => `${file}:${code.slice(0, node.start).split('\n').length}`;
    if (node.type === 'TaggedTemplateExpression') {
      const tag = tagOf(node);
      if (tag === 'statement') {
        files.add(file);
        const row = rowOf(source.slice(node.tag.end, node.quasi.start));
        declared.push({ at: at(), texts: textsOf(node.quasi), row });
        if (ancestors.some(isFunction)) faults.push(`${at()} is declared when it is run, and not before`);
      }
      if (tag === 'statementFor') makers.add(`${file} ${functionOf(place)}`);
      return;
    }
    const isText = node.type === 'TemplateLiteral' || node.type === 'Literal';
    if (!isText || !isSqlOfLedger(textsOf(node))) return;
    if (!ancestors.some((one) => one.type === 'TaggedTemplateExpression' && TAGS.includes(tagOf(one)))) {
      faults.push(`${at()} is SQL of the ledger that is not declared`);
    }
  });
  return { files, declared, makers, faults };
}

function textsOf(node: AnyNode): readonly string[] {
  if (node.type === 'TemplateLiteral') {
    return (node as TemplateLiteral).quasis.map(({ value }) => value.cooked ?? '');
  }
  return node.type === 'Literal' && typeof node.value === 'string' ? [node.value] : [];
}

/** A name by itself is none. */
function isSqlOfLedger(texts: readonly string[]): boolean {
  return texts.some((text) => NAMES_TABLE.test(text)) && texts.some((text) => /\s/.test(text));
}

function tagOf({ tag }: TaggedTemplateExpression): string {
  return tag.type === 'Identifier' ? tag.name : '';
}

function isFunction({ type }: AnyNode): boolean {
  return type.endsWith('FunctionExpression') || type === 'FunctionDeclaration';
}

function functionOf({ ancestors }: Place): string {
  const [outermost] = ancestors.filter(({ type }) => type === 'FunctionDeclaration');
  return outermost?.type === 'FunctionDeclaration' ? (outermost.id?.name ?? '') : '';
}

/** @param type such as `<{ id: number; at: Date | null }>` */
function rowOf(type: string): ReadonlyMap<string, string> | null {
  const members = /^<\{\s*((?:(?:readonly )?\w+: [\w| ]+;?\s*)+)\}>$/.exec(type)?.[1];
  if (members === undefined) return null;
  const pairs = members.split(';').filter((member) => member.trim() !== '');
  return new Map(
    pairs.map((member): [string, string] => {
      const [name = '', of = ''] = member.split(':').map((side) => side.trim().replace(/^readonly /, ''));
      return [name, of];
    }),
  );
}
