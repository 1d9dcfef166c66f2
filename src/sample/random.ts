/** Uniform numbers from a seed: the same everywhere, for ever. */
export interface Random {
  /** A whole number from 0 to `below` - 1. */
  below(below: number): number;
  /** True with the given probability. */
  chance(share: number): boolean;
}

/**
 * sfc32 (Chris Doty-Humphrey's Small Fast Counter, 32 bits; passes PractRand), seeded through 12 rounds as its
 * author does. Numbers are 32-bit fractions: the bias of `below` is beneath notice for the sizes used here.
 */
export function sfc32(seed: number): Random {
  let a = 0;
  let b = seed | 0;
  let c = Math.floor(seed / 2 ** 32) | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round++) next();
  return {
    below: (below) => Math.floor((next() / 2 ** 32) * below),
    chance: (share) => next() / 2 ** 32 < share,
  };
}
