import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import express from 'express';

/** What `/docs` needs beside its page: a file, as the content security policy lets no script run inside the page. */
const START = `window.ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
`;

const FILES = ['/swagger-ui.css', '/swagger-ui-bundle.js'];

/** Swagger UI's files, from disk: the documentation works without internet. */
export function docsAssets(): express.Router {
  const router = express.Router();
  const root = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const files = express.static(root, { index: false, redirect: false, maxAge: '1h' });
  router.use((req, res, next) => {
    if (req.method !== 'GET' && req.method !== 'HEAD') next();
    else if (req.path === '/start.js') res.type('text/javascript').send(START);
    else if (FILES.includes(req.path)) files(req, res, next);
    else next();
  });
  return router;
}
