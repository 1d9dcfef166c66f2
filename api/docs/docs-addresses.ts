import { DOCS_ADDRESS } from '../../src/docs/find-pages.ts';

/** Where the style sheets and scripts of the documentation are served from. */
export const DOCS_ASSETS = `${DOCS_ADDRESS}/assets` as const;
/** Swagger UI. It was at `/docs` itself: `docs.js` sends its old fragments (`/docs#/Loads/…`) here. */
export const API_ADDRESS = `${DOCS_ADDRESS}/api` as const;
export const SEARCH_ADDRESS = `${DOCS_ADDRESS}/search` as const;
