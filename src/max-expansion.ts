/** One byte of a packed file becomes at most so many, unless something else is configured. */
export const MAX_EXPANSION = 250;
