/** What workflows can be searched for in the Web UI: `LongshoreTable = "hired_employees"`, `LongshoreRejects > 0`. */
export const TABLE_ATTRIBUTE_NAME = 'LongshoreTable';
export const KIND_ATTRIBUTE_NAME = 'LongshoreKind';
/** Of the load, backup or restore, as its address has it. */
export const ID_ATTRIBUTE_NAME = 'LongshoreId';
/** Rejected rows of a load that has ended. */
export const REJECTS_ATTRIBUTE_NAME = 'LongshoreRejects';

/** All of them, and their types. */
export const SEARCH_ATTRIBUTES: Readonly<Record<string, 'Keyword' | 'Int'>> = {
  [TABLE_ATTRIBUTE_NAME]: 'Keyword',
  [KIND_ATTRIBUTE_NAME]: 'Keyword',
  [ID_ATTRIBUTE_NAME]: 'Keyword',
  [REJECTS_ATTRIBUTE_NAME]: 'Int',
};
