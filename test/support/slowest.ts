import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

const SHOWN = 10;
const TEST_FILE = /\.test\.ts$/;

interface Timed {
  readonly what: string;
  readonly ms: number;
}

/** Which tests and files of a run took longest, from the runner's events. */
export class Slowest {
  readonly #cwd: string;
  readonly #tests: Timed[] = [];
  readonly #files: Timed[] = [];
  /** Names of the test that is being reported and of the suites around it, outermost first. */
  readonly #names: string[] = [];

  constructor(cwd = process.cwd()) {
    this.#cwd = cwd;
  }

  see({ type, data }: TestEvent): void {
    switch (type) {
      case 'test:start':
        this.#names.length = data.nesting;
        this.#names.push(data.name);
        break;
      case 'test:pass':
      case 'test:fail':
        if (data.details.type === 'suite') {
          if (TEST_FILE.test(data.name)) this.#files.push({ what: data.name, ms: data.details.duration_ms });
          break;
        }
        this.#tests.push({
          what: [...this.#names.slice(0, data.nesting), data.name]
            .filter((name) => !TEST_FILE.test(name))
            .join(' › '),
          ms: data.details.duration_ms,
        });
        break;
      case 'test:summary':
        // One a file, and one of the whole run. A process that ran many files has a suite for each.
        if (data.file !== undefined && TEST_FILE.test(data.file)) {
          this.#files.push({ what: relative(this.#cwd, data.file), ms: data.duration_ms });
        }
        break;
    }
  }

  /** Two lists, each slowest first; empty when nothing ran. */
  text(): string {
    return [list('slowest tests', this.#tests), list('slowest files', this.#files)].join('');
  }
}

function list(title: string, all: readonly Timed[]): string {
  if (all.length === 0) return '';
  const shown = all.toSorted((a, b) => b.ms - a.ms).slice(0, SHOWN);
  const lines = shown.map(({ what, ms }) => `${(ms / 1000).toFixed(1).padStart(8)} s  ${what}\n`);
  return `\n${title}\n${lines.join('')}`;
}
