import type { Sql } from '../db/sql.ts';
import type { ErrorCode } from '../errors.ts';
import { quoted } from '../shorten.ts';
import type { FileTree, TreeEntry } from '../storage/file-tree.ts';
import { isStorageKey } from '../storage/storage-key.ts';
import type { ArrivalSettings } from './arrival.ts';
import { beginLook, endLook, noteMarked, noteSeen, type SeenFile } from './arrival-files.ts';
import { type Pattern, parsePattern } from './pattern.ts';
import { DONE, FAILED, fileKey, markedBy, RECEIPT, REJECTS } from './places.ts';

/** Files that are noted at a time, so that a folder of millions takes no more memory than this. */
const PAGE = 500;

export interface Scan {
  readonly arrivalId: string;
  readonly settings: ArrivalSettings;
  /** Tables of the dictionary. */
  readonly tables: ReadonlySet<string>;
  /** Folders of other arrivals below this one's: the files there are theirs. */
  readonly others: ReadonlySet<string>;
  /** Called after each page, with the number of files seen so far. Throws to stop. */
  readonly between: (seen: number) => void;
}

/**
 * Works through all files of an arrival and notes them: those that wait are confirmed, new ones wait or are skipped.
 * What waited and was not seen is forgotten only at the end, so that a look that breaks off loses nothing.
 */
export async function scanArrival(db: Sql, tree: FileTree, scan: Scan): Promise<number> {
  const { arrivalId, settings, tables, between } = scan;
  const pattern = parsePattern(settings.pattern);
  const began = await beginLook(db, arrivalId, [...tables]);
  let seen = 0;
  let page: FoundFile[] = [];
  const note = async () => {
    await notePage(db, scan, pattern, page);
    seen += page.length;
    page = [];
    between(seen);
  };
  for await (const found of walk(tree, scan, pattern)) {
    page.push(found);
    if (page.length === PAGE) await note();
  }
  await note();
  await endLook(db, arrivalId, began);
  return seen;
}

interface FoundFile {
  readonly path: string;
  /** Its folder, with a slash at its end. */
  readonly folder: string;
  readonly entry: Extract<TreeEntry, { kind: 'file' }>;
}

/** Every file below the prefix that is neither hidden nor in a folder of ours or of another arrival. */
async function* walk(
  tree: FileTree,
  { settings, others }: Scan,
  pattern: Pattern,
): AsyncGenerator<FoundFile> {
  const { prefix } = settings;
  const own = new Set([`${prefix}${DONE}`, `${prefix}${FAILED}`]);
  const folders = [prefix];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const depth = folder.slice(prefix.length).split('/').length;
    for await (const entry of tree.list(folder.slice(0, -1))) {
      if (entry.name.startsWith('.')) continue;
      const path = `${folder}${entry.name}`;
      if (entry.kind === 'file') yield { path, folder, entry };
      else if (depth < pattern.depth && !own.has(`${path}/`) && !others.has(`${path}/`))
        folders.push(`${path}/`);
    }
  }
}

async function notePage(db: Sql, scan: Scan, pattern: Pattern, page: readonly FoundFile[]): Promise<void> {
  const { arrivalId, settings } = scan;
  const { marker } = settings;
  const files: string[] = [];
  const folders: string[] = [];
  const seen: SeenFile[] = [];
  for (const found of page) {
    const mark = marker === null ? null : markedBy(marker, found.entry.name);
    if (mark !== null) {
      if (mark.file === null) folders.push(found.folder);
      else files.push(`${found.folder}${mark.file}`);
      continue;
    }
    const file = seenFile(scan, pattern, found);
    if (file !== null) seen.push(file);
  }
  await noteSeen(db, arrivalId, settings, await withoutReceipts(db, settings, seen));
  await noteMarked(db, arrivalId, { files, folders });
}

/** null: it does not match. */
function seenFile({ settings, tables }: Scan, pattern: Pattern, { path, entry }: FoundFile): SeenFile | null {
  const { source, prefix } = settings;
  const below = path.slice(prefix.length);
  if (!pattern.matches(below)) return null;
  const table = settings.table ?? pattern.tableOf(below);
  const { bytes, modifiedAt, version } = entry;
  const raw = entry.rawName && Buffer.concat([Buffer.from(path.slice(0, -entry.name.length)), entry.rawName]);
  return {
    key: fileKey(source, raw ?? path, `${bytes}@${version}`),
    path,
    version,
    bytes,
    modifiedAt,
    table,
    skipped: faultOf(path, entry.unusable, table, tables),
  };
}

function faultOf(
  path: string,
  unusable: string | null,
  table: string | null,
  tables: ReadonlySet<string>,
): { readonly code: ErrorCode; readonly message: string } | null {
  if (unusable !== null) return { code: 'arrival-unusable', message: `${quoted(path)} ${unusable}` };
  if (!isStorageKey(path)) return { code: 'arrival-unusable', message: `${quoted(path)} is too long a path` };
  if (table !== null && tables.has(table)) return null;
  return { code: 'unknown-table', message: `the dictionary has no table ${quoted(table ?? '')}` };
}

/** Without what lies beside files that stay where they are: their receipts and rejects. */
async function withoutReceipts(
  db: Sql,
  { after }: ArrivalSettings,
  seen: readonly SeenFile[],
): Promise<readonly SeenFile[]> {
  const baseOf = (path: string) =>
    [RECEIPT, REJECTS].flatMap((end) =>
      path.endsWith(end) ? [`${path.slice(0, -end.length)}${RECEIPT}`] : [],
    )[0];
  const bases = after === 'keep' ? seen.flatMap(({ path }) => baseOf(path) ?? []) : [];
  if (bases.length === 0) return seen;
  const rows = await db.ledger
    .selectFrom('arrival_file')
    .select('receipt')
    .where('receipt', 'in', bases)
    .execute();
  const known = new Set(rows.map(({ receipt }) => receipt));
  return seen.filter(({ path }) => !known.has(baseOf(path) ?? null));
}
