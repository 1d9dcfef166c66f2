import { createHmac, timingSafeEqual } from 'node:crypto';
import type { PayloadKeys } from '../seal/payload-keys.ts';

/**
 * The identity that a process of the platform periodically shows in Temporal:
 *
 *   <pid>@<host> <name> <token> <ms> <HMAC-SHA-256, 64 hex digits>
 *
 * The time is the one that its ledger has just recorded for it. Anybody may poll under any identity, and repeat a
 * known one; only holders of the payload key can make one with a new time.
 */
export interface ProcessStamp {
  /** For people: `1234@host worker-1`. */
  readonly process: string;
  readonly token: string;
  readonly atMs: number;
}

/** The scope of stamps: one that was made for another namespace or installation is invalid. */
export interface StampScope {
  readonly keys: PayloadKeys;
  readonly namespace: string;
  readonly installationId: string;
}

const STAMP = /^(\S+ \S+) ([0-9a-f]{32}) (\d{1,15})$/;
const MAC = /^[0-9a-f]{64}$/;
/** Temporal takes identities of at most 1000 characters. */
const MAX_STAMP = 1_000;

export function stampText(scope: StampScope, { process, token, atMs }: ProcessStamp): string {
  const said = `${process} ${token} ${atMs}`;
  return `${said} ${macOf(scope, scope.keys.sealing.processes, said).toString('hex')}`;
}

/** null: not a stamp, or made without the key. */
export function readStamp(scope: StampScope, identity: string): ProcessStamp | null {
  if (identity.length > MAX_STAMP) return null;
  const end = identity.lastIndexOf(' ');
  const [said, mac] = [identity.slice(0, Math.max(end, 0)), identity.slice(end + 1)];
  const [, process, token, at] = STAMP.exec(said) ?? [];
  if (process === undefined || token === undefined || !MAC.test(mac)) return null;
  const stated = Buffer.from(mac, 'hex');
  const isOurs = [...scope.keys.byId.values()].some((key) =>
    timingSafeEqual(macOf(scope, key.processes, said), stated),
  );
  return isOurs ? { process, token, atMs: Number(at) } : null;
}

function macOf(
  { namespace, installationId }: StampScope,
  key: PayloadKeys['sealing']['processes'],
  said: string,
): Buffer {
  return createHmac('sha256', key)
    .update(JSON.stringify([namespace, installationId, said]))
    .digest();
}
