import { readFile } from 'node:fs/promises';

const FOLDER = new URL('../fixtures/challenge/', import.meta.url);

/** The files that the sample's dictionary was made for, as they came: 12, 183 and 1,999 rows, of which 70 are bad. */
export async function challengeFiles(): Promise<
  Readonly<Record<'departments' | 'jobs' | 'hired_employees', Buffer>>
> {
  const read = (table: string) => readFile(new URL(`${table}.csv`, FOLDER));
  return {
    departments: await read('departments'),
    jobs: await read('jobs'),
    hired_employees: await read('hired_employees'),
  };
}
