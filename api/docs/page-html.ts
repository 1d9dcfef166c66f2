import type { Docs, DocsPage } from '../../src/docs/docs.ts';
import { escapeHtml } from '../../src/docs/escape-html.ts';
import { DOCS_ADDRESS } from '../../src/docs/find-pages.ts';
import type { SearchResult } from '../../src/docs/search-sections.ts';
import { API_ADDRESS, DOCS_ASSETS, SEARCH_ADDRESS } from './docs-addresses.ts';

/** Headings in the list beside a page. */
const LISTED_LEVELS: readonly (number | null)[] = [2, 3];

interface Shown {
  readonly title: string;
  /** Which entry of the list of pages is marked; null: none. */
  readonly address: string | null;
  readonly query?: string;
  readonly main: string;
  readonly contents?: string;
}

/** A page of the documentation, with the list of all pages and of its own headings. */
export function pageHtml(docs: Docs, page: DocsPage): string {
  const main = `<article>${page.html}</article>${neighbours(docs, page)}`;
  return frame(docs, { title: page.title, address: page.address, main, contents: contentsOf(page) });
}

/** What a search found, a list of links to sections. */
export function searchHtml(docs: Docs, query: string, results: readonly SearchResult[]): string {
  const count = results.length === 1 ? '1 section' : `${results.length} sections`;
  const told =
    query === ''
      ? 'Search all pages by the field above.'
      : results.length === 0
        ? `Nothing has “${escapeHtml(query)}”. Try fewer or other words.`
        : `${count} for “${escapeHtml(query)}”, the best first.`;
  const main = `<article><h1>Search</h1><p>${told}</p><ol class="results">${results.map(resultHtml).join('')}</ol></article>`;
  return frame(docs, { title: 'Search', address: null, query, main });
}

/** For a browser at an address without a page. */
export function missingHtml(docs: Docs): string {
  const main =
    '<article><h1>There is no such page</h1><p>Choose a page from the list, or search for a section by its words.</p></article>';
  return frame(docs, { title: 'No such page', address: null, main });
}

/** The API's reference: Swagger UI, which reads `/openapi.json`. */
export function apiReferenceHtml(): string {
  const head = `<link rel="stylesheet" href="${DOCS_ASSETS}/swagger-ui.css">`;
  const scripts = ['swagger-ui-bundle.js', 'start.js'].map((name) => script(name)).join('\n');
  const body = `<p class="back"><a href="${DOCS_ADDRESS}">Documentation</a></p>
<div id="swagger-ui"></div>
${scripts}`;
  return documentHtml(
    'API reference',
    `${head}<link rel="stylesheet" href="${DOCS_ASSETS}/reference.css">`,
    body,
  );
}

function frame(docs: Docs, { title, address, query = '', main, contents = '' }: Shown): string {
  const head = `<link rel="stylesheet" href="${DOCS_ASSETS}/docs.css">`;
  const body = `<a class="skip" href="#longshore-main">Skip to the text</a>
<header>
<a class="home" href="${DOCS_ADDRESS}">Longshore</a>
<form action="${SEARCH_ADDRESS}" role="search">
<input type="search" name="q" value="${escapeHtml(query)}" maxlength="200" placeholder="Search the documentation" aria-label="Search the documentation" autocomplete="off">
<button>Search</button>
</form>
<a class="reference" href="${API_ADDRESS}">API reference</a>
</header>
<div class="columns">
<details class="pages" open><summary>Pages</summary><nav aria-label="Pages">${pageList(docs, address)}</nav></details>
<main id="longshore-main" tabindex="-1">
${main}
</main>
${contents}
</div>
${script('docs.js')}`;
  return documentHtml(title, head, body);
}

function documentHtml(title: string, head: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><link rel="icon" href="${DOCS_ASSETS}/icon.svg"><title>${escapeHtml(title)} – Longshore</title>${head}</head>
<body>
${body}
</body>
</html>
`;
}

function script(name: string): string {
  return `<script src="${DOCS_ASSETS}/${name}"></script>`;
}

function pageList({ pages }: Docs, current: string | null): string {
  const list = (group: DocsPage['group']) =>
    pages
      .filter((page) => page.group === group)
      .map(({ title, address }) => {
        const mark = address === current ? ' aria-current="page"' : '';
        return `<li><a href="${address}"${mark}>${escapeHtml(title)}</a></li>`;
      })
      .join('');
  const reference = `<li><a href="${API_ADDRESS}">API reference</a></li><li><a href="/openapi.json">OpenAPI document</a></li>`;
  return `<ul>${list('subject')}</ul><h2>API</h2><ul>${reference}</ul><h2>Project</h2><ul>${list('project')}</ul>`;
}

function contentsOf({ sections }: DocsPage): string {
  const items = sections
    .filter(({ level }) => LISTED_LEVELS.includes(level))
    .map(
      ({ level, anchor, title }) =>
        `<li class="level-${level}"><a href="#${anchor}">${escapeHtml(title)}</a></li>`,
    );
  if (items.length < 2) return '';
  return `<details class="contents" open><summary>On this page</summary><nav aria-label="On this page"><ul>${items.join('')}</ul></nav></details>`;
}

function neighbours({ pages }: Docs, page: DocsPage): string {
  const at = pages.indexOf(page);
  const link = (other: DocsPage | undefined, rel: 'prev' | 'next') =>
    other === undefined ? '' : `<a rel="${rel}" href="${other.address}">${escapeHtml(other.title)}</a>`;
  return `<nav class="neighbours" aria-label="Previous and next page">${link(pages[at - 1], 'prev')}${link(pages[at + 1], 'next')}</nav>`;
}

function resultHtml({ pageTitle, title, address, excerpt }: SearchResult): string {
  const words = excerpt.map(({ text, hit }) => (hit ? `<mark>${escapeHtml(text)}</mark>` : escapeHtml(text)));
  const page = title === pageTitle ? '' : `<span class="page">${escapeHtml(pageTitle)} › </span>`;
  return `<li><a href="${address}">${page}${escapeHtml(title)}</a><p>${words.join('')}</p></li>`;
}
