import { Ledger20261121 } from './20261121-ledger.ts';

/** In order. A landed migration is never edited: add another. */
export const migrations = [{ name: '20261121-ledger', class: Ledger20261121 }];
