import { z } from 'zod';
import type { MaxRejects } from '../src/types.ts';

/** Parameters arrive as text; each of these accepts exactly one way to write a value. */

/** A whole number without sign; at most 2^53 - 1. */
export function wholeNumber(minimum: number, maximum = Number.MAX_SAFE_INTEGER) {
  return z
    .string()
    .regex(/^[0-9]{1,16}$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.number().min(minimum).max(maximum))
    .meta({ override: { type: 'integer', minimum, maximum, pattern: undefined } });
}

export const flag = z
  .enum(['true', 'false'])
  .transform((text) => text === 'true')
  .meta({ override: { type: 'boolean', enum: undefined } });

export const loadId = z.strictObject({ id: wholeNumber(1).meta({ description: "A load's ID" }) });

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

const MAX_REJECTS = /^([0-9]{1,15})$|^([0-9]{1,2}(?:\.[0-9]{1,6})?|100(?:\.0{1,6})?)%$/;

export const maxRejects = z
  .string()
  .transform((text, context): MaxRejects => {
    const match = MAX_REJECTS.exec(text);
    if (match?.[1] !== undefined) return { kind: 'count', value: Number(match[1]) };
    if (match?.[2] !== undefined) return { kind: 'percent', value: Number(match[2]) };
    context.addIssue('expected a count such as 100, or a share such as 1.5%');
    return z.NEVER;
  })
  .meta({
    description:
      'How many rejects fail the load: a count, or a percentage of the rows (write % as %25 in a URL)',
    example: '1.5%',
    override: { type: 'string', pattern: MAX_REJECTS.source },
  });
