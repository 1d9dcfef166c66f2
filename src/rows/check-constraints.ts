import { RE2JS } from 're2js';
import { shorten } from '../shorten.ts';
import type { Field } from '../types.ts';
import type { Caster } from './field-reading.ts';

/** Checks a value against one constraint: null when it holds, else the expectation in words. */
export type ConstraintCheck = (value: string) => string | null;

/**
 * The constraints of a field that look at a value, in the order in which Frictionless reports them. Each is
 * tested on the logical value (Table Schema v2): lengths in code points, bounds and `enum` by value, exactly.
 */
export function constraintChecks(field: Field, caster: Caster): readonly ConstraintCheck[] {
  const { constraints } = field;
  const checks: ConstraintCheck[] = [];
  const { minLength, maxLength, pattern } = constraints;
  if (minLength !== undefined) {
    checks.push((value) =>
      value.length >= 2 * minLength || codePoints(value) >= minLength
        ? null
        : `at least ${minLength} characters`,
    );
  }
  if (maxLength !== undefined) {
    checks.push((value) =>
      value.length <= maxLength || codePoints(value) <= maxLength ? null : `at most ${maxLength} characters`,
    );
  }
  for (const [name, word, holds] of BOUNDS) {
    const bound = constraints[name];
    if (bound === undefined) continue;
    const order = caster.against(bound);
    // NaN has no order, so that no bound holds for it.
    checks.push((value) => (holds(order(value)) ? null : `${word} ${bound}`));
  }
  if (pattern !== undefined) {
    const regex = compilePattern(pattern);
    checks.push((value) => (regex.testExact(value) ? null : `a match of the pattern ${pattern}`));
  }
  if (constraints.enum) checks.push(enumCheck(constraints.enum, caster));
  return checks;
}

const BOUNDS = [
  ['minimum', 'at least', (order: number) => order >= 0],
  ['maximum', 'at most', (order: number) => order <= 0],
  ['exclusiveMinimum', 'more than', (order: number) => order > 0],
  ['exclusiveMaximum', 'less than', (order: number) => order < 0],
] as const;

function enumCheck(members: readonly string[], caster: Caster): ConstraintCheck {
  const texts = new Set(members);
  const orders = members.map((member) => caster.against(member));
  const expected = `one of ${members.join(', ')}`;
  return (value) =>
    texts.has(value) || orders.some((order) => order(value) === 0) ? null : shorten(expected, 200);
}

/**
 * RE2's syntax, matched in linear time and against the whole value, as XML Schema's expressions are.
 * @throws when the pattern needs backtracking (a back reference, a look-around) or is malformed.
 */
export function compilePattern(pattern: string): RE2JS {
  return RE2JS.compile(pattern);
}

function codePoints(text: string): number {
  let count = text.length;
  for (let at = 0; at < text.length; at++) {
    if ((text.charCodeAt(at) & 0xfc00) === 0xdc00) count--;
  }
  return count;
}
