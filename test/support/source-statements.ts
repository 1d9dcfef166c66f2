import type { AnyNode, TaggedTemplateExpression, TemplateLiteral } from 'acorn';
import { ledgerEntities } from '../../src/ledger/entities.ts';
import { type Place, visitSource } from './source-tree.ts';

/** The ledger's statements as the source has them. */
export interface SourceStatements {
  /** Files that declare statements. */
  readonly files: ReadonlySet<string>;
  /** How many they declare. */
  readonly declared: number;
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
  let declared = 0;
  visitSource(pattern, (place) => {
    const { node, ancestors, file, code } = place;
    const at = () => `${file}:${code.slice(0, node.start).split('\n').length}`;
    if (node.type === 'TaggedTemplateExpression') {
      const tag = tagOf(node);
      if (tag === 'statement') {
        files.add(file);
        declared += 1;
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
