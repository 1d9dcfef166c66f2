export interface LockEntry {
  readonly version?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
}

export interface Lock {
  readonly packages?: Readonly<Record<string, LockEntry>>;
}

export function installFault(root: string): string | null;
export function lockDifference(wanted: Lock, installed: Lock): string | null;
