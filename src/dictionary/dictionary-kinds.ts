/** What a start applied last: a file, or the bundled sample. */
export type DictionaryBase = 'sample' | 'file';

/** What made a version of the dictionary: a start, or a request. */
export type DictionaryChange = 'start' | 'add' | 'remove' | 'bring-back';
