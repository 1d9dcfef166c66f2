/**
 * Reasons why a backup is not trusted. A test compares the table of docs/backups.md with this list.
 * `adoptable`: a person may adopt it all the same: evidence for it is missing, but there is none against it.
 */
export const DOUBTS = {
  'no-key': { adoptable: true, means: 'There is no backup key here that could tell it from a forged one' },
  'mac-missing': { adoptable: true, means: 'Its manifest has no MAC, and there are keys here' },
  'mac-wrong': { adoptable: false, means: 'Its MAC does not agree: it was edited or forged' },
  'key-unknown': { adoptable: true, means: 'Its MAC is by a key that is not here' },
  edited: { adoptable: false, means: 'Its manifest is not the one that was written' },
  emptied: { adoptable: false, means: 'Its manifest names no table or no part' },
  missing: { adoptable: false, means: 'Its manifest is gone' },
  unreadable: { adoptable: false, means: 'Its manifest is not one' },
  moved: { adoptable: false, means: 'Its manifest is that of another backup' },
  foreign: { adoptable: true, means: 'It was made by another installation' },
  'future-dated': { adoptable: false, means: 'Its snapshot is of the future' },
  'put-back': { adoptable: true, means: 'It was deleted here, and is there again' },
} as const satisfies Record<string, { readonly adoptable: boolean; readonly means: string }>;

export type DoubtReason = keyof typeof DOUBTS;

export interface Doubt {
  readonly reason: DoubtReason;
  /** Without a full stop. */
  readonly detail: string;
}

export function doubt(reason: DoubtReason, detail: string): Doubt {
  return { reason, detail };
}

/** The doubts in one line. */
export function describeDoubts(doubts: readonly Doubt[]): string {
  return doubts.map(({ reason, detail }) => `${reason}: ${detail}`).join('; ');
}
