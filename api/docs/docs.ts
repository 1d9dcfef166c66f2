import { z } from 'zod';
import type { Docs } from '../../src/docs/docs.ts';
import { DOCS_ADDRESS } from '../../src/docs/find-pages.ts';
import { LongshoreError } from '../../src/errors.ts';
import { quoted } from '../../src/shorten.ts';
import { type Call, defineRoute, type Route } from '../http/route.ts';
import { API_ADDRESS, SEARCH_ADDRESS } from './docs-addresses.ts';
import type { DocsSource } from './docs-source.ts';
import { apiReferenceHtml, missingHtml, pageHtml, searchHtml } from './page-html.ts';

/** The most characters of a search, as in the page's input field. */
const LONGEST_QUERY = 200;

const page = { 'text/html': { schema: z.string() } };
const pageParams = z.strictObject({
  page: z.string().meta({ description: 'The name of a Markdown file without `.md`', example: 'loads' }),
});

/** The documentation's pages, open to everyone: they hold nothing of the installation. */
export function docsRoutes(source: DocsSource): readonly Route[] {
  const index = defineRoute({
    method: 'get',
    path: DOCS_ADDRESS,
    tag: 'Operations',
    summary: 'The documentation: its index',
    scopes: null,
    responses: { '200': { description: 'The page', content: page } },
    async handle(call) {
      answerPage(await source.open(), DOCS_ADDRESS, call);
    },
  });

  const api = defineRoute({
    method: 'get',
    path: API_ADDRESS,
    tag: 'Operations',
    summary: "The API's reference, as a page to try it",
    scopes: null,
    responses: { '200': { description: 'The page', content: page } },
    handle({ res }) {
      res.type('html').send(apiReferenceHtml());
    },
  });

  const search = defineRoute({
    method: 'get',
    path: SEARCH_ADDRESS,
    tag: 'Operations',
    summary: 'Search the documentation: sections, the best first',
    scopes: null,
    query: z.strictObject({
      q: z.string().max(LONGEST_QUERY).default('').meta({ description: 'Words', example: 'disk full' }),
    }),
    responses: { '200': { description: 'The page with what was found', content: page } },
    async handle({ res, query: { q } }) {
      const docs = await source.open();
      res.type('html').send(searchHtml(docs, q, docs.search(q)));
    },
  });

  const subject = defineRoute({
    method: 'get',
    path: `${DOCS_ADDRESS}/{page}`,
    tag: 'Operations',
    summary: 'A page of the documentation',
    description: "`/docs/errors` has every error code: a problem's `type` points into it.",
    scopes: null,
    params: pageParams,
    problems: ['not-found'],
    responses: { '200': { description: 'The page', content: page } },
    async handle(call) {
      answerPage(await source.open(), `${DOCS_ADDRESS}/${call.params.page}`, call);
    },
  });

  const project = defineRoute({
    method: 'get',
    path: `${DOCS_ADDRESS}/project/{page}`,
    tag: 'Operations',
    summary: 'A page on the project itself: `readme`, `contributing`, `changelog`, `security`',
    scopes: null,
    params: pageParams,
    problems: ['not-found'],
    responses: { '200': { description: 'The page', content: page } },
    async handle(call) {
      answerPage(await source.open(), `${DOCS_ADDRESS}/project/${call.params.page}`, call);
    },
  });

  return [index, api, search, subject, project];
}

function answerPage(
  docs: Docs,
  address: string,
  { req, res }: Pick<Call<string, unknown, unknown>, 'req' | 'res'>,
) {
  const found = docs.pages.find((one) => one.address === address);
  if (found !== undefined) {
    res.type('html').send(pageHtml(docs, found));
    return;
  }
  // A program gets a problem, as from every other address; a browser gets a page that lists all pages.
  if (req.accepts(['application/problem+json', 'html']) !== 'html') {
    throw new LongshoreError('not-found', `the documentation has no page ${quoted(address)}`);
  }
  res.status(404).type('html').send(missingHtml(docs));
}
