/**
 * What a cell looks like, as a number: its kind in the lowest four bits, and above them the details in which cells of
 * one column may differ. A column counts its shapes while a file streams by; what its type is, is decided at the end,
 * from the counts. So nothing of a file has to be kept, and no row is left out.
 *
 *   number   decimal and group separator, sign, exponent, affix     `number-shapes.ts`
 *   moment   the form of a date and a time                          `moment-shapes.ts`
 *   nothing  which word says that there is no value                 `words.ts`
 */
const KIND = 15;
export const TEXT = 0;
export const INTEGER = 1;
/** Digits that begin with 0: as a number it would lose it. */
export const ZERO_INTEGER = 2;
/** More digits than 64 bits surely hold. */
export const LONG_INTEGER = 3;
export const DECIMAL = 5;
export const MOMENT = 6;
export const NOTHING = 8;
/** Only white space; how much of it is in the details. */
export const BLANK = 9;
export const UUID = 11;
/** INF, -Infinity */
export const INFINITE = 12;

/** The number stands between spaces, which do not count. */
export const PADDED = 1 << 14;

export function kindOf(shape: number): number {
  return shape & KIND;
}

/** Details of `NOTHING` and `BLANK`. */
export function detailOf(shape: number): number {
  return shape >>> 4;
}
