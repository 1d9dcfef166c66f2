import type { LedgerRow } from '../db/ledger-queries.ts';
import { ERRORS } from '../errors.ts';
import type { LoadView } from '../loads/load-view.ts';
import type { FileOutcome } from './arrival.ts';

/** What a receipt says, in its order. Pure. */
export interface Receipt {
  /** Of this form. */
  readonly receipt: 1;
  readonly arrival: string;
  readonly outcome: FileOutcome;
  readonly file: {
    readonly id: number;
    readonly source: string;
    readonly path: string;
    readonly version: string;
    readonly bytes: number;
    /** null: it was never read to its end */
    readonly sha256: string | null;
    readonly modifiedAt: string | null;
    readonly seenAt: string;
    /** Where it is now; null: it was deleted, or is not there in this version any more. */
    readonly place: string | null;
  };
  readonly table: string | null;
  readonly mode: string | null;
  readonly load: {
    readonly id: number;
    readonly status: string;
    readonly startedBy: string;
    /** How the file was read in place of what the dictionary says; null: as it says. */
    readonly readAs: LoadView['readAs'];
    readonly startedAt: string | null;
    readonly finishedAt: string | null;
    readonly address: string;
  } | null;
  readonly rows: LoadView['rows'] | null;
  readonly rejects: {
    readonly rejected: number;
    /** Those whose records are kept, and that the file has. */
    readonly kept: number;
    /** Beside this receipt; null: nothing was rejected. */
    readonly file: string | null;
    readonly address: string;
  } | null;
  readonly error: { readonly code: string; readonly message: string; readonly remedy: string } | null;
}

export interface Received {
  readonly row: LedgerRow<'arrival_file'>;
  readonly outcome: FileOutcome;
  readonly load: LoadView | null;
  readonly kept: number;
  readonly place: string | null;
  readonly rejects: string | null;
}

export function receiptOf({ row, outcome, load, kept, place, rejects }: Received): Receipt {
  const error = load?.error ?? (row.error_code && { code: row.error_code, message: row.error_message ?? '' });
  const address = load === null ? '' : `/v1/loads/${load.id}`;
  return {
    receipt: 1,
    arrival: row.arrival_id,
    outcome,
    file: {
      id: row.id,
      source: row.source,
      path: row.path,
      version: row.plan?.version ?? row.version,
      bytes: row.bytes,
      sha256: load?.sha256 ?? null,
      modifiedAt: row.modified_at?.toISOString() ?? null,
      seenAt: row.seen_at.toISOString(),
      place,
    },
    table: load?.table ?? row.table_name,
    mode: load?.mode ?? row.plan?.mode ?? null,
    load: load && {
      id: load.id,
      status: load.status,
      startedBy: load.startedBy,
      readAs: load.readAs,
      startedAt: load.startedAt,
      finishedAt: load.finishedAt,
      address,
    },
    rows: load?.rows ?? null,
    rejects: load && { rejected: load.rows.rejected, kept, file: rejects, address: `${address}/rejects` },
    error: error ? { code: error.code, message: error.message, remedy: ERRORS[error.code].remedy } : null,
  };
}
