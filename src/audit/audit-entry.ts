import { randomUUIDv7 } from 'node:crypto';

/**
 * One line of the audit log: who did what. Never a body, a secret or row data: IDs, and names from the dictionary.
 * Made when the request's answer is decided.
 */
export interface AuditEntry {
  /** UUIDv7 (RFC 9562): sorts by time, and lets a repeated insert find its row there already. */
  readonly id: string;
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly keyId: string;
  /** The key's name at that time. */
  readonly keyName: string;
  /** The requested action: `load.start`, `key.revoke` … */
  readonly action: string;
  /** ID of the load, batch, key … that it was about or made; null when there was none. */
  readonly target: string | null;
  readonly table: string | null;
  /** HTTP status of the answer. */
  readonly status: number;
  readonly requestId: string;
}

/** An entry of this moment. */
export function auditEntry(entry: Omit<AuditEntry, 'id' | 'at'>): AuditEntry {
  return { id: nextId(), at: new Date().toISOString(), ...entry };
}

const MAX_COUNT = 0xfff;
let lastMs = '';
let count = 0;

/** Node's own are random within a millisecond; a counter there keeps the order of events (RFC 9562, 6.2, method 1). */
function nextId(): string {
  const id = randomUUIDv7();
  const ms = id.slice(0, 13);
  count = ms === lastMs ? Math.min(count + 1, MAX_COUNT) : 0;
  lastMs = ms;
  return `${id.slice(0, 15)}${count.toString(16).padStart(3, '0')}${id.slice(18)}`;
}
