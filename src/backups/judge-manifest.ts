import { createHash } from 'node:crypto';
import type { Manifest } from './backup.ts';
import { type BackupKeys, backupKeysHere } from './backup-keys.ts';
import { type Doubt, doubt } from './doubts.ts';
import { checkMac } from './manifest-mac.ts';
import { parseManifest, unworkableTable } from './manifest-schema.ts';

/** Tolerated clock skew between machines: a snapshot beyond it is of the future. */
export const CLOCK_SKEW_MS = 5 * 60_000;

/** The result of checking a manifest without the ledger. */
export interface Judged {
  /** null: the file is not a readable manifest. */
  readonly manifest: Manifest | null;
  /** Of the file, hex. */
  readonly sha256: string;
  /** The key that has authenticated it; null: none has. */
  readonly keyId: string | null;
  /** Empty: it is trusted. */
  readonly doubts: readonly Doubt[];
}

export interface ManifestFile {
  /** ID of the backup in whose folder it lies. */
  readonly id: string;
  readonly bytes: Buffer;
  /** Content of `manifest.json.sha256` beside it; null: there is none. */
  readonly sidecar: string | null;
}

/** Decides whether a manifest that the ledger does not know is trusted. Pure. */
export function judgeManifest({ id, bytes, sidecar }: ManifestFile, keys: BackupKeys, nowMs: number): Judged {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const doubts: Doubt[] = [];
  const mac = checkMac(bytes, keys);
  const parsed = parseManifest(bytes);
  if (keys.byId.size === 0) {
    doubts.push(doubt('no-key', 'there is no backup key here to authenticate it with'));
    if (sidecar !== sha256) {
      doubts.push(
        doubt('edited', `its SHA-256 is ${sha256}, and manifest.json.sha256 says ${shown(sidecar)}`),
      );
    }
  } else if (mac.state === 'unknown-key') {
    doubts.push(doubt('key-unknown', `its MAC is by the key ${mac.keyId}; ${backupKeysHere(keys)}`));
  } else if (mac.state === 'wrong' || (mac.state === 'missing' && parsed.manifest?.mac !== undefined)) {
    doubts.push(doubt('mac-wrong', 'its MAC does not agree: it was edited or forged'));
  } else if (mac.state === 'missing') {
    doubts.push(doubt('mac-missing', `its manifest has no MAC; ${backupKeysHere(keys)}`));
  }
  const keyId = mac.state === 'good' ? mac.keyId : null;
  if (parsed.manifest === null) {
    doubts.push(doubt(parsed.emptied ? 'emptied' : 'unreadable', `its manifest: ${parsed.fault}`));
    return { manifest: null, sha256, keyId, doubts };
  }
  const { manifest } = parsed;
  const unworkable = keyId === null ? unworkableTable(manifest) : null;
  if (unworkable !== null) {
    const detail = `its manifest: the definition of ${JSON.stringify(unworkable)} can not be worked with`;
    return { manifest: null, sha256, keyId, doubts: [...doubts, doubt('unreadable', detail)] };
  }
  if (manifest.id !== id) doubts.push(doubt('moved', `its manifest is that of backup ${manifest.id}`));
  const future = futureDoubt(manifest.snapshotAt, nowMs);
  if (future) doubts.push(future);
  return { manifest: manifest.id === id ? manifest : null, sha256, keyId, doubts };
}

/** null: the snapshot is of the past, or within the tolerated clock skew. */
export function futureDoubt(snapshotAt: string, nowMs: number): Doubt | null {
  if (Date.parse(snapshotAt) <= nowMs + CLOCK_SKEW_MS) return null;
  return doubt('future-dated', `its snapshot is of ${snapshotAt}, which is in the future`);
}

function shown(text: string | null): string {
  return text === null ? 'nothing' : JSON.stringify(text);
}
