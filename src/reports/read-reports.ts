import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config.ts';
import type { DictionaryBase } from '../dictionary/dictionary-kinds.ts';
import { LongshoreError } from '../errors.ts';
import { parseReport } from './parse-report.ts';
import type { Report } from './report.ts';
import { reportInvalid } from './report-faults.ts';

/** Folder of the reports that come with the sample. */
export const BUNDLED_REPORTS: string = fileURLToPath(new URL('.', import.meta.url));

/**
 * The reports of a folder: one a file `<name>.sql`, in the order of names. Other files are passed over.
 * @param tables names of those that a report may read; null: not known
 * @throws LongshoreError `report-invalid` that names the folder, or of each file the line and what is wrong there
 */
export async function readReports(
  folder: string,
  tables: readonly string[] | null,
): Promise<readonly Report[]> {
  const names = await readdir(folder).catch((cause) => {
    throw reportInvalid(folder, [{ line: null, detail: 'the folder can not be read' }], cause);
  });
  const reports: Report[] = [];
  const faults: LongshoreError[] = [];
  for (const file of names.filter((name) => name.endsWith('.sql')).sort()) {
    const path = join(folder, file);
    const below = relative(process.cwd(), path);
    const shown = below.startsWith('..') ? path : below;
    const text = await readFile(path, 'utf8').catch((cause) => {
      throw reportInvalid(shown, [{ line: null, detail: 'the file can not be read' }], cause);
    });
    const plain = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
    try {
      reports.push(parseReport(file.slice(0, -'.sql'.length), shown, plain, tables));
    } catch (error) {
      if (!(error instanceof LongshoreError)) throw error;
      faults.push(error);
    }
  }
  const [first, ...others] = faults;
  if (first === undefined) return reports;
  if (others.length === 0) throw first;
  throw new LongshoreError('report-invalid', faults.map(({ message }) => message).join('; '), {
    places: faults.flatMap(({ places }) => places),
  });
}

/**
 * The sample's reports read the sample's tables; null: there are none.
 * @param base what the platform's dictionary began with
 */
export function reportsFolder(
  { reportsPath }: Pick<Config, 'reportsPath'>,
  base: DictionaryBase,
): string | null {
  return reportsPath ?? (base === 'sample' ? BUNDLED_REPORTS : null);
}
