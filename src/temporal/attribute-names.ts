/** What workflows can be searched for in the Web UI: `LongshoreTable = "hired_employees"`. */
export const TABLE_ATTRIBUTE_NAME = 'LongshoreTable';
export const KIND_ATTRIBUTE_NAME = 'LongshoreKind';

/** All of them: keywords. */
export const SEARCH_ATTRIBUTES: readonly string[] = [TABLE_ATTRIBUTE_NAME, KIND_ATTRIBUTE_NAME];
