import type { TableState } from '../tables/table-state.ts';
import type { LoadMode } from '../types.ts';

/**
 * How staged rows become visible.
 *
 * - `swap`: the stage becomes the table. Keys are built once, readers are held up only for the renaming.
 *   For `append` and `merge`, the rows that stay are copied into the stage first.
 * - `insert`: the rows go into the existing table: for few rows into many, and where something depends on the table that
 *   a swap can not carry. A `replace` empties the table first, in the same transaction.
 */
export type PublishWay = 'swap' | 'insert';

/**
 * Up to this many times as many rows in the table as in the stage, copying them is quicker than keeping the table's
 * indexes up to date row by row (measured by `npm run bench -- load`).
 */
export const SWAP_RATIO = 8;

export function planPublish(
  state: Pick<TableState, 'empty' | 'rows' | 'obstacles' | 'referrers'>,
  mode: LoadMode,
  stagedRows: number,
): PublishWay {
  if (state.obstacles.length > 0) return 'insert';
  if (state.empty) return 'swap';
  if (mode === 'replace') return 'swap';
  // Other tables reference this one: their keys would have to be dropped and checked again just for added rows.
  if (state.referrers.length > 0) return 'insert';
  return state.rows <= stagedRows * SWAP_RATIO ? 'swap' : 'insert';
}
