import { z } from 'zod';
import { MAX_REJECTS, MAX_REJECTS_EXPECTED, parseMaxRejects } from '../../src/max-rejects.ts';
import type { MaxRejects } from '../../src/types.ts';

/** Parameters arrive as text; each of these accepts exactly one way to write a value. */

/** A whole number without sign; at most 2^53 - 1. */
export function wholeNumber(minimum: number, maximum = Number.MAX_SAFE_INTEGER) {
  const most = maximum === Number.MAX_SAFE_INTEGER ? ` or more` : ` to ${maximum}`;
  const expected = `expected a whole number, ${minimum}${most}`;
  return z
    .string()
    .regex(/^[0-9]{1,16}$/, expected)
    .transform(Number)
    .pipe(z.number().min(minimum, expected).max(maximum, expected))
    .meta({ override: { type: 'integer', minimum, maximum, pattern: undefined } });
}

export const flag = z
  .enum(['true', 'false'])
  .transform((text) => text === 'true')
  .meta({ override: { type: 'boolean', enum: undefined } });

export const loadId = z.strictObject({ id: wholeNumber(1).meta({ description: "A load's ID" }) });

/** A moment (RFC 3339), with any offset. */
export const moment = z.iso.datetime({ offset: true });

/** `limit` of a page. */
export function pageLimit(standard: number, maximum: number) {
  return wholeNumber(1, maximum)
    .optional()
    .transform((limit) => limit ?? standard)
    .meta({
      description: `Entries a page (${standard} when left out)`,
      override: { type: 'integer', minimum: 1, maximum, default: standard },
    });
}

export const maxRejects = z
  .string()
  .transform((text, context): MaxRejects | null => {
    const limit = parseMaxRejects(text);
    if (limit !== undefined) return limit;
    context.addIssue(MAX_REJECTS_EXPECTED);
    return z.NEVER;
  })
  .meta({
    description:
      'How many rejects fail the load: a count, a percentage of the rows (write % as %25 in a URL), or `none` for no ' +
      'limit; `LONGSHORE_MAX_REJECTS` when left out',
    example: '1.5%',
    override: { type: 'string', pattern: MAX_REJECTS.source },
  });
