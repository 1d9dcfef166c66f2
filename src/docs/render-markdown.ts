import GithubSlugger from 'github-slugger';
import MarkdownIt, { type Env, type RendererRule, type Token } from 'markdown-it';
import { escapeHtml } from './escape-html.ts';

/** What a link in a file leads to. */
export type Target =
  | { readonly kind: 'address'; readonly href: string; readonly elsewhere: boolean }
  /** A file of the checkout that is not served: it is named, without a link. */
  | { readonly kind: 'source'; readonly path: string };

export interface RenderedPage {
  readonly title: string;
  readonly html: string;
  readonly sections: readonly Section[];
}

/** What the search finds: a heading with the text up to the next one, or a row of a table that begins with code. */
export interface Section {
  /** 1 to 6 of a heading; null of a row. */
  readonly level: number | null;
  readonly title: string;
  /** Empty of the page's own heading: the page begins with it. */
  readonly anchor: string;
  readonly text: string;
  /** The blocks of code. */
  readonly code: string;
}

interface PageEnv extends Env {
  readonly resolve: (href: string) => Target;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The classes that stand for the alignment of cells: a policy without inline styles forbids the attribute. */
const ALIGNMENTS: Readonly<Record<string, string>> = {
  'text-align:right': 'right',
  'text-align:center': 'center',
};
/** What may stand between the codes of a cell that is made of codes. */
const SEPARATOR = /^[\s,;]*$/;

// HTML is parsed so that comments can be dropped; no tag but <br> is passed on.
const markdown = new MarkdownIt({ html: true });
const { rules } = markdown.renderer;
const asTag: RendererRule = (tokens, index, options, _env, renderer) =>
  renderer.renderToken(tokens, index, options);

rules.html_block = rules.html_inline = (tokens, index) => {
  const html = tokens[index]!.content.trim();
  if (html.startsWith('<!--') && html.endsWith('-->')) return '';
  return /^<br ?\/?>$/.test(html) ? '<br>' : escapeHtml(html);
};
rules.heading_close = (tokens, index, options, env, renderer) => {
  const id = attribute(tokens[index - 2]!, 'id');
  const anchor = `<a class="anchor" href="#${id}" aria-label="Link to this section">#</a>`;
  return ` ${anchor}${asTag(tokens, index, options, env, renderer)}`;
};
rules.table_open = () => '<div class="table" role="region" aria-label="Table" tabindex="0"><table>\n';
rules.table_close = () => '</table></div>\n';
rules.th_open = rules.td_open = (tokens, index, options, env, renderer) => {
  const token = tokens[index]!;
  const alignment = ALIGNMENTS[attribute(token, 'style')];
  token.attrs = alignment === undefined ? null : [['class', alignment]];
  return asTag(tokens, index, options, env, renderer);
};
rules.fence = rules.code_block = (tokens, index) => {
  const { content, info } = tokens[index]!;
  const language = info.trim() === '' ? '' : ` data-language="${escapeHtml(info.trim())}"`;
  return `<pre tabindex="0"${language}><code>${escapeHtml(content)}</code></pre>\n`;
};
rules.link_open = (tokens, index, options, env, renderer) => {
  const token = tokens[index]!;
  const target = (env as PageEnv).resolve(attribute(token, 'href'));
  if (target.kind === 'address') {
    token.attrSet('href', target.href);
    if (target.elsewhere) token.attrSet('rel', 'noreferrer');
  } else {
    token.tag = 'span';
    token.attrs = [
      ['class', 'source'],
      ['title', `${target.path} in the source`],
    ];
    const close = tokens.findIndex((other, at) => at > index && other.type === 'link_close');
    tokens[close]!.tag = 'span';
  }
  return asTag(tokens, index, options, env, renderer);
};
const image = rules.image!;
rules.image = (tokens, index, options, env, renderer) => {
  const token = tokens[index]!;
  const target = (env as PageEnv).resolve(attribute(token, 'src'));
  if (target.kind === 'address' && !target.elsewhere) {
    token.attrSet('src', target.href);
    token.attrSet('loading', 'lazy');
    return image(tokens, index, options, env, renderer);
  }
  return `<span class="source">${escapeHtml(renderer.renderInlineAsText(token.children ?? [], options, env))}</span>`;
};

/**
 * Renders GitHub's kind of Markdown. Headings have GitHub's anchors, and so have rows of tables that begin with code:
 * `/docs/errors#unknown-table`. Nothing of the text becomes a tag, an inline style or a script.
 */
export function renderMarkdown(text: string, resolve: (href: string) => Target): RenderedPage {
  const env: PageEnv = { resolve };
  const tokens = markdown.parse(text, env);
  const slugger = new GithubSlugger();
  for (const [index, token] of tokens.entries()) {
    if (token.type === 'heading_open') token.attrSet('id', slugger.slug(plainText(tokens[index + 1]!)));
  }
  for (const [index, token] of tokens.entries()) {
    if (token.type === 'tr_open') anchorCodes(tokens[index + 2]!, slugger);
  }
  const sections = sectionsOf(tokens);
  const title = sections.find(({ level }) => level === 1)?.title ?? '';
  return { title, html: markdown.renderer.render(tokens, markdown.options, env), sections };
}

/** Gives anchors to the codes of a row's first cell, after the headings have theirs: GitHub's stay as they are. */
function anchorCodes(cell: Token, slugger: GithubSlugger): void {
  if (!isOfCodes(cell)) return;
  for (const child of cell.children!) {
    if (child.type === 'code_inline') child.attrSet('id', slugger.slug(child.content));
  }
}

function isOfCodes({ children }: Token): boolean {
  const [first, ...others] = children ?? [];
  return (
    first?.type === 'code_inline' &&
    others.every(({ type, content }) => type === 'code_inline' || SEPARATOR.test(content))
  );
}

function sectionsOf(tokens: readonly Token[]): Section[] {
  const sections: Writable<Section>[] = [{ level: 1, title: '', anchor: '', text: '', code: '' }];
  let current = sections[0]!;
  let row: Writable<Section> | null = null;
  for (const [index, token] of tokens.entries()) {
    const previous = tokens[index - 1];
    if (previous?.type === 'heading_open') {
      const level = Number(previous.tag.slice(1));
      const anchor = level === 1 ? '' : attribute(previous, 'id');
      if (level === 1 && current.title === '') current.title = plainText(token);
      else {
        current = { level, title: plainText(token), anchor, text: '', code: '' };
        sections.push(current);
      }
    } else if (token.type === 'inline') {
      const text = plainText(token);
      current.text += `${text}\n`;
      if (row !== null) row.text += `${text} `;
      else if (tokens[index - 2]?.type === 'tr_open' && isOfCodes(token)) {
        const codes = token.children!.filter(({ type }) => type === 'code_inline');
        const anchor = attribute(codes[0]!, 'id');
        row = {
          level: null,
          title: codes.map(({ content }) => content).join(', '),
          anchor,
          text: '',
          code: '',
        };
        sections.push(row);
      }
    } else if (token.type === 'fence' || token.type === 'code_block') current.code += token.content;
    else if (token.type === 'tr_close') row = null;
  }
  return sections;
}

function attribute(token: Token, name: string): string {
  return String(token.attrGet(name) ?? '');
}

/** The text as it is read, without marks, tags and the addresses of links. */
function plainText({ children }: Token): string {
  const parts = (children ?? []).map(({ type, content, children: below }) => {
    if (type === 'text' || type === 'code_inline') return content;
    if (type === 'softbreak' || type === 'hardbreak') return ' ';
    return type === 'image' ? (below ?? []).map((one) => one.content).join('') : '';
  });
  return parts.join('');
}
