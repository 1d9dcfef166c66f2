import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readDictionary } from '../../src/dictionary/read-dictionary.ts';
import { ensureReports, type LiveReport } from '../../src/reports/ensure-reports.ts';
import { readReports } from '../../src/reports/read-reports.ts';
import type { Dictionary } from '../../src/types.ts';

/** Report files in a folder of their own, by name without `.sql`. */
export type ReportFiles = Readonly<Record<string, string>>;

/** Makes the folder hold these files and no others. */
export async function writeReports(home: string, files: ReportFiles): Promise<string> {
  const folder = join(home, 'reports');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, `${name}.sql`), text);
  return folder;
}

/** What the API does with them at its start. */
export async function startReports(
  url: string,
  folder: string,
  dictionary?: Dictionary,
): Promise<readonly LiveReport[]> {
  const known = dictionary ?? (await readDictionary(undefined));
  return ensureReports(
    url,
    await readReports(
      folder,
      known.tables.map(({ name }) => name),
    ),
    known,
  );
}

/** A valid file over `jobs`, with lines of the header replaced, added, or (null) left out. */
export function reportFile(select: string, changes: Readonly<Record<string, string | null>> = {}): string {
  const header = { title: 'Jobs', tables: 'jobs', key: 'id', ...changes };
  const lines = Object.entries(header).flatMap(([word, value]) =>
    value === null ? [] : [`-- ${word}: ${value}`],
  );
  return `${lines.join('\n')}\n${select}\n`;
}
