/** A relation that moves with a table: the table itself, its indexes, and the sequences that its columns own. */
export interface MovedRelation {
  readonly kind: 'table' | 'index' | 'sequence';
  readonly was: string;
  readonly now: string;
}

/** A reference of a removed table to another one, as PostgreSQL writes it. */
export interface RemovedLink {
  readonly name: string;
  readonly definition: string;
}

/** A removed table as users see it. */
export interface RemovedTable {
  readonly id: number;
  readonly table: string;
  readonly rows: number;
  /** On disk, with its indexes. */
  readonly bytes: number;
  /** ID of the API key. */
  readonly removedBy: string;
  /** RFC 3339, as is `dropAt`. */
  readonly removedAt: string;
  /** When it is dropped for good. */
  readonly dropAt: string;
}
