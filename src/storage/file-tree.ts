/**
 * Folders of a storage, for whoever works through files that others put there. Keys are as `Storage` has them. What is
 * moved or removed is only ever the very version that is expected: one that came in between stays.
 */
export interface FileTree {
  /** What is in a folder, one level of it, in no order; nothing where there is no such folder. */
  list(folder: string): AsyncIterable<TreeEntry>;
  /** Moves a file. Repeated, after a crash in the middle, it goes on. */
  move(from: string, to: string, expected: FileVersion): Promise<Cleared>;
  remove(key: string, expected: FileVersion): Promise<Cleared>;
  /** Removes a file, whatever version it is; one that is not there is none. */
  discard(key: string): Promise<void>;
  /** Writes a small file, in place of one that is there. Nothing of it is visible before it is complete. */
  put(key: string, pieces: AsyncIterable<string>): Promise<void>;
}

export type TreeEntry =
  | { readonly kind: 'folder'; readonly name: string }
  | (FileVersion & {
      readonly kind: 'file';
      readonly name: string;
      readonly modifiedAt: string | null;
      /** Why it can't be read, in words that follow "its name …" or "it …"; null: it can. */
      readonly unusable: string | null;
      /** The name as the storage has it, where that is no text. */
      readonly rawName?: Buffer;
    });

export interface FileVersion {
  readonly bytes: number;
  readonly version: string;
}

/**
 *   cleared   it is done, now or by an earlier attempt
 *   changed   another version is there by now, which stays
 *   gone      it was not there any more
 */
export type Cleared = 'cleared' | 'changed' | 'gone';
