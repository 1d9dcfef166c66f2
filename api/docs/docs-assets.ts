import { createRequire } from 'node:module';
import { dirname, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import express, { type Request, type Response, type Router } from 'express';
import { DOCS_ADDRESS, PICTURES_ADDRESS } from '../../src/docs/find-pages.ts';
import { DOCS_ASSETS } from './docs-addresses.ts';
import type { DocsSource } from './docs-source.ts';

const SWAGGER_FILES = ['/swagger-ui.css', '/swagger-ui-bundle.js'];
const OWN_FILES = ['/docs.css', '/docs.js', '/reference.css', '/start.js', '/icon.svg'];

/** A picture is shown as one and runs nothing; an SVG may have a style sheet of its own. */
const PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/** The files beside the documentation's pages, all from disk: it works without internet. */
export function docsAssets(source: DocsSource): Router {
  const router = express.Router({ strict: true, caseSensitive: true });
  const swagger = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const swaggerFiles = express.static(swagger, { index: false, redirect: false, maxAge: '1h' });
  // Without a maximum age, so that a page and its files are always of one version.
  const ownFiles = express.static(fileURLToPath(new URL('assets/', import.meta.url)), {
    index: false,
    redirect: false,
  });
  router.use(DOCS_ASSETS, (req, res, next) => {
    if (OWN_FILES.includes(req.path)) ownFiles(req, res, next);
    else if (SWAGGER_FILES.includes(req.path)) swaggerFiles(req, res, next);
    else next();
  });
  router.get(`${PICTURES_ADDRESS}/*path`, async (req, res, next) => {
    const path = (req.params as { path: string[] }).path;
    const file = (await source.open()).pictures.get(posix.join('docs', ...path));
    if (file === undefined) return next();
    // A path that is known: the checkout itself may stand below a folder with a dot.
    res.set('Content-Security-Policy', PICTURE_POLICY).sendFile(file, { dotfiles: 'allow' });
  });
  router.get([`${DOCS_ADDRESS}/`, `${DOCS_ADDRESS}/:page.md`, `${DOCS_ADDRESS}/project/:page.md`], toPage);
  return router;
}

/** The addresses of the pages as files, which a reader of the Markdown may try. */
function toPage(req: Request, res: Response): void {
  const name = posix.basename(req.path, '.md');
  if (posix.dirname(req.path) === `${DOCS_ADDRESS}/project`) {
    res.redirect(308, `${DOCS_ADDRESS}/project/${name.toLowerCase()}`);
  } else {
    const isIndex = name === 'README' || req.path === `${DOCS_ADDRESS}/`;
    res.redirect(308, isIndex ? DOCS_ADDRESS : `${DOCS_ADDRESS}/${name}`);
  }
}
