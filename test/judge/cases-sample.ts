import { departmentsCsv, hiresCsv, jobsCsv, type SampleOptions } from '../../src/sample/generate.ts';
import { FAULTS } from '../../src/sample/spoil-row.ts';
import { sampleCase } from './cases-challenge.ts';
import type { JudgeCase } from './verdict.ts';

/** Generated hires: with each kind of fault by itself, and with all of them, quotes and line breaks together. */
export async function sampleCases(): Promise<JudgeCase[]> {
  const cases = FAULTS.map((fault, index) =>
    generated(`400 generated hires, faults: ${fault}`, {
      seed: 100 + index,
      hires: 400,
      badShare: 0.1,
      faults: [fault],
    }),
  );
  const all = { seed: 7, hires: 6000, badShare: 0.1, quotedShare: 0.1, faults: FAULTS };
  return Promise.all([...cases, generated('6000 generated hires, every fault, quoted names', all)]);
}

async function generated(name: string, options: SampleOptions): Promise<JudgeCase> {
  let bad = 0;
  const hires = [...hiresCsv({ ...options, onBadRow: () => bad++ })];
  const files = {
    departments: departmentsCsv(options),
    jobs: jobsCsv(options),
    hired_employees: Buffer.concat(hires),
  };
  return sampleCase(name, files, { departments: 0, jobs: 0, hired_employees: bad });
}
