import { z } from 'zod';
import { ERRORS } from '../../src/errors.ts';
import { defineRoute } from '../http/route.ts';

/** Where the files of the documentation pages are served from; see `api/docs/docs-assets.ts`. */
export const DOCS_ASSETS = '/docs/assets';

const page = { 'text/html': { schema: z.string() } };

const docs = defineRoute({
  method: 'get',
  path: '/docs',
  tag: 'Operations',
  summary: 'This documentation, as a page',
  scopes: null,
  responses: { '200': { description: 'The page', content: page } },
  handle({ res }) {
    res.type('html').send(
      html(
        'Longshore API',
        `<link rel="stylesheet" href="${DOCS_ASSETS}/swagger-ui.css">`,
        `<div id="swagger-ui"></div>
<script src="${DOCS_ASSETS}/swagger-ui-bundle.js"></script>
<script src="${DOCS_ASSETS}/start.js"></script>`,
      ),
    );
  },
});

const errors = defineRoute({
  method: 'get',
  path: '/docs/errors',
  tag: 'Operations',
  summary: 'Every error code: what it means and what to do',
  description: "A problem's `type` points into this page.",
  scopes: null,
  responses: { '200': { description: 'The page', content: page } },
  handle({ res }) {
    const entries = Object.entries(ERRORS).map(
      ([code, { status, title, remedy }]) =>
        `<h2 id="${code}"><code>${code}</code></h2>\n<p>${status}. ${escapeHtml(title)}. ${escapeHtml(remedy)}</p>`,
    );
    res.type('html').send(html('Longshore errors', '', `<h1>Errors</h1>\n${entries.join('\n')}`));
  },
});

export const docsRoutes = [docs, errors];

function html(title: string, head: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title>${head}</head>
<body>
${body}
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
