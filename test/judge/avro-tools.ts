import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { MissingTool, run } from './python.ts';

const VERSION = '1.12.0';
const COPY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy';

/** Most of a run is the start of the machine: what makes long runs quicker only costs. */
const SHORT_RUN = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];

/** Beside the virtual environment, which is made anew whenever its requirements change. */
const folder = fileURLToPath(new URL('../../.cache/judge-java', import.meta.url));
const jar = `${folder}/avro-tools-${VERSION}.jar`;

/**
 * Apache's own Avro tools; Maven brings them on the first run, from wherever its settings on this machine say.
 * @returns a call of one tool, its output in a file
 * @throws MissingTool where there is no Java or no Maven
 */
export async function avroTools(): Promise<(args: readonly string[], output: string) => Promise<void>> {
  await need('java', 'a Java runtime (Debian: apt install default-jre-headless)');
  if (!existsSync(jar)) {
    await need('mvn', 'Maven (Debian: apt install maven)');
    console.log("Fetching Apache's Avro tools (once) …");
    await mkdir(folder, { recursive: true });
    const artifact = `org.apache.avro:avro-tools:${VERSION}`;
    await run('mvn', ['-q', '-B', COPY_PLUGIN, `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`]);
  }
  return (args, output) => runInto(output, 'java', [...SHORT_RUN, '-jar', jar, ...args]);
}

async function need(program: string, what: string): Promise<void> {
  try {
    await run(program, ['-version']);
  } catch (cause) {
    const message = `The judge of Avro files needs ${what}. Install it, or leave it out with --skip-missing.`;
    throw new MissingTool(message, { cause });
  }
}

/** Runs a program to its end with its output in a file: it may be binary, and long. */
async function runInto(path: string, program: string, args: readonly string[]): Promise<void> {
  await using file = await open(path, 'w');
  const child = spawn(program, args, { stdio: ['ignore', file.fd, 'pipe'] });
  const errors: Buffer[] = [];
  child.stderr!.on('data', (piece: Buffer) => errors.push(piece));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0)
    throw new Error(`${program} ended with ${code}: ${Buffer.concat(errors).toString().slice(-2000)}`);
}
