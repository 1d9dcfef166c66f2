/** What a start applied last: a file, or the bundled sample. */
export const DICTIONARY_BASES = ['sample', 'file'] as const;
export type DictionaryBase = (typeof DICTIONARY_BASES)[number];

/** What made a version of the dictionary: a start, or a request. */
export const DICTIONARY_CHANGES = ['start', 'add', 'remove', 'bring-back'] as const;
export type DictionaryChange = (typeof DICTIONARY_CHANGES)[number];
