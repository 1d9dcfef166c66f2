import { judgeAvro } from './avro.ts';
import { judgeDeployment } from './compose.ts';
import { judgeByFrictionless } from './frictionless.ts';
import { judgeInference } from './infer.ts';
import { MissingTool } from './python.ts';
import { judgeReports } from './reports.ts';
import { judgeBySchemathesis } from './schemathesis.ts';

/** Where a judge puts what it found; printed as it comes. */
export interface Scores {
  pass(what: string): void;
  fail(what: string, why: readonly string[]): void;
  skip(why: string): void;
}

const JUDGES: Readonly<Record<string, (scores: Scores) => Promise<void>>> = {
  avro: judgeAvro,
  compose: judgeDeployment,
  frictionless: judgeByFrictionless,
  infer: judgeInference,
  reports: judgeReports,
  schemathesis: judgeBySchemathesis,
};

const SHOWN_FAULTS = 10;

/** `npm run judge [name …] [-- --skip-missing]`: programs of other people judge Longshore's work. */
async function main(args: readonly string[]): Promise<number> {
  const skipMissing = args.includes('--skip-missing');
  const wanted = args.filter((arg) => arg !== '--skip-missing');
  const unknown = wanted.find((name) => !(name in JUDGES));
  if (unknown !== undefined) {
    console.error(`There is no judge "${unknown}". Judges: ${Object.keys(JUDGES).join(', ')}.`);
    return 2;
  }
  const counts = { passed: 0, failed: 0 };
  const scores: Scores = {
    pass(what) {
      counts.passed++;
      console.log(`  passed   ${what}`);
    },
    fail(what, why) {
      counts.failed++;
      console.log(`  FAILED   ${what}`);
      for (const fault of why.slice(0, SHOWN_FAULTS)) console.log(`             ${fault}`);
      if (why.length > SHOWN_FAULTS) console.log(`             … and ${why.length - SHOWN_FAULTS} more`);
    },
    skip: (why) => console.log(`  SKIPPED  ${why}`),
  };
  let missing = false;
  for (const name of wanted.length > 0 ? wanted : Object.keys(JUDGES)) {
    console.log(name);
    try {
      await JUDGES[name]!(scores);
    } catch (error) {
      if (!(error instanceof MissingTool)) throw error;
      scores.skip(error.message);
      missing = true;
    }
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed > 0 || (missing && !skipMissing) ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
