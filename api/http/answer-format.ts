import type { Request, Response } from 'express';

/** The query has precedence over the Accept header (RFC 9110, 12.5.1); JSON where that names neither. */
export function answerFormat({
  req,
  res,
  query,
}: {
  readonly req: Request;
  readonly res: Response;
  readonly query: { readonly format?: 'json' | 'csv' };
}): 'json' | 'csv' {
  res.vary('Accept');
  return query.format ?? (req.accepts(['application/json', 'text/csv']) === 'text/csv' ? 'csv' : 'json');
}
