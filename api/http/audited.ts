import type { Request, Response } from 'express';
import { type AuditEntry, auditEntry } from '../../src/audit/audit-entry.ts';
import { ERRORS } from '../../src/errors.ts';
import type { ApiKeyHolder } from '../../src/keys/key-rows.ts';
import type { Dictionary } from '../../src/types.ts';
import { contextOf } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { asLongshoreError } from './problems.ts';

/** What a request's handler reports to the audit log. */
export interface AuditTrail {
  /** ID of the request's object. When left null: the batch, the path's `{id}`, or the job. */
  target: string | null;
  /** Table, where the path has none. */
  table: string | null;
  /** Suffix of the action, as in `table.restore-unverified`; one of the route's `auditVariants`. */
  variant: string | null;
  /** The entry was written with the change, in its transaction. */
  written: boolean;
  /** Makes the entry, for handlers that write it themselves. */
  entry(target: string, status: number): AuditEntry;
}

interface Audited {
  readonly req: Request;
  readonly res: Response;
  readonly deps: ApiDeps;
  readonly holder: ApiKeyHolder;
  readonly action: string;
}

const ID = /^[\w-]{1,64}$/;

/** The audit trail of a request whose route has an `audit`. */
export function auditOf(res: Response): AuditTrail {
  return res.locals.audit as AuditTrail;
}

/** Notes the table that a request concerns; does nothing on a route that is not audited. */
export function noteTable(res: Response, table: string): void {
  const trail = res.locals.audit as AuditTrail | undefined;
  if (trail !== undefined) trail.table = table;
}

/** Handles a request, and records who requested what, and with which status it ended; refused requests too. */
export async function audited(request: Audited, handle: () => Promise<void>): Promise<void> {
  const { res, deps } = request;
  // A request may take a table in, or out.
  const before = deps.dictionary.now();
  const trail: AuditTrail = {
    target: null,
    table: null,
    variant: null,
    written: false,
    entry: (target, status) => entryOf(request, before, { ...trail, target }, status),
  };
  res.locals.audit = trail;
  const record = (status: number) => {
    if (!trail.written) deps.audit.record(entryOf(request, before, trail, status));
  };
  try {
    await handle();
  } catch (error) {
    // The status of the problem, whether or not the client is still connected.
    record(ERRORS[asLongshoreError(error).code].status);
    throw error;
  }
  record(res.statusCode);
}

function entryOf(
  { req, res, deps, holder, action }: Audited,
  before: Dictionary,
  { target, table, variant }: Pick<AuditTrail, 'target' | 'table' | 'variant'>,
  status: number,
): AuditEntry {
  const { requestId, job, batchId } = contextOf(res);
  const { id, table: pathTable } = req.params as Readonly<Record<string, string | undefined>>;
  const pathId = id !== undefined && ID.test(id) ? id : null;
  const named = table ?? pathTable;
  return auditEntry({
    keyId: holder.id,
    keyName: holder.name,
    action: variant === null ? action : `${action}-${variant}`,
    target: target ?? batchId ?? pathId ?? (job && String(job.id)),
    // Only names of the dictionary: a path may hold anything.
    table: [before, deps.dictionary.now()].some((one) => one.tables.some((known) => known.name === named))
      ? (named ?? null)
      : null,
    status,
    requestId,
  });
}
