import type { NextFunction, Request, Response } from 'express';
import type { ApiDeps } from '../http/deps.ts';
import { HttpError } from '../http/http-error.ts';

/** Where the browser may have credentials for pages of Temporal's Web UI. */
export const UI_ROUTES = '/codec';

/** What the Web UI sends. */
const UI_HEADERS = 'authorization, content-type, x-namespace';
/** How long a browser may cache the preflight's answer, in seconds. */
const MAX_AGE = '600';

/**
 * Cross-Origin Resource Sharing for pages of Temporal's Web UI only: other origins are refused with an error, instead of
 * an answer that the browser withholds from them.
 */
export function uiOrigin(deps: Pick<ApiDeps, 'config'>) {
  return (req: Request, res: Response, next: NextFunction): void => {
    const { temporalUiUrl } = deps.config;
    const allowed = temporalUiUrl === undefined ? null : new URL(temporalUiUrl).origin;
    res.vary('Origin');
    const origin = req.get('origin');
    if (origin === undefined) {
      next();
      return;
    }
    if (origin !== allowed) {
      throw new HttpError(
        'forbidden',
        `only pages of ${allowed ?? "Temporal's Web UI"} may ask here (TEMPORAL_UI_URL)`,
        {},
      );
    }
    res.set('Access-Control-Allow-Origin', allowed).set('Access-Control-Allow-Credentials', 'true');
    if (req.method !== 'OPTIONS') {
      next();
      return;
    }
    res
      .set('Access-Control-Allow-Methods', 'POST')
      .set('Access-Control-Allow-Headers', UI_HEADERS)
      .set('Access-Control-Max-Age', MAX_AGE)
      .status(204)
      .end();
  };
}
