/**
 * The one place that quotes SQL identifiers. Names come from the dictionary or from code, never from a request.
 * PostgreSQL, "Lexical Structure", 4.1.1.
 */
export function quoteName(...path: readonly string[]): string {
  return path.map((name) => `"${name.replaceAll('"', '""')}"`).join('.');
}

export function quoteNames(names: readonly string[]): string {
  return names.map((name) => quoteName(name)).join(', ');
}

/** SQL's string constant (4.1.2.1): for names as text; values of rows are parameters. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Condition that two rows agree in these columns; null agrees with nothing. */
export function equalColumns(names: readonly string[], left: string, right: string): string {
  return names.map((name) => `${left}.${quoteName(name)} = ${right}.${quoteName(name)}`).join(' and ');
}

/** Schema of the data tables. */
export const DATA_SCHEMA = 'public';
/** Schema of the platform's own tables. */
export const LEDGER_SCHEMA = 'longshore';
/** Schema of tables that loads build before they are published. */
export const STAGE_SCHEMA = 'longshore_stage';

/** Schema of tables that are restored under another name. */
export const COPY_SCHEMA = 'longshore_copies';

/** Lineage columns of every data table: the load that wrote the row, and the row's line in its file. */
export const LINEAGE_COLUMNS = ['_load_id', '_line'] as const;

/** Schema of the materialized views, each named after its report. */
export const REPORT_SCHEMA = 'longshore_report';

/**
 * Schema of one plain view a table, named after it, through which reports read: a load that swaps the table re-points
 * the view and so keeps the materialized views that stand on it.
 */
export const READ_SCHEMA = 'longshore_read';

/** Schema of tables that were removed from the dictionary, until they are dropped. */
export const REMOVED_SCHEMA = 'longshore_removed';

/** All schemas that are Longshore's own. */
export const OWN_SCHEMAS: readonly string[] = [
  LEDGER_SCHEMA,
  STAGE_SCHEMA,
  COPY_SCHEMA,
  READ_SCHEMA,
  REPORT_SCHEMA,
  REMOVED_SCHEMA,
];
