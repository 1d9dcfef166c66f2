import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Said to the person at the keyboard: what is missing and what to do. */
export class MissingTool extends Error {}

const root = fileURLToPath(new URL('../../', import.meta.url));
const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));
const venv = `${root}.cache/judge`;
const stamp = `${venv}/requirements.sha256`;

/**
 * The Python of a virtual environment of the judges' own, with the pinned requirements in it; made on the first
 * run and whenever they change.
 * @throws MissingTool where there is no python3, or it can't make environments.
 */
export async function judgePython(): Promise<string> {
  const python = `${venv}/bin/python`;
  const wanted = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex');
  if (existsSync(python) && existsSync(stamp) && (await readFile(stamp, 'utf8')) === wanted) return python;
  console.log("Setting up the judges' Python packages (once, about a minute) …");
  await rm(venv, { recursive: true, force: true });
  await mkdir(venv, { recursive: true });
  try {
    await run('python3', ['-m', 'venv', venv]);
  } catch (cause) {
    throw new MissingTool(
      'The judges need python3 with its venv module (Debian: apt install python3-venv). ' +
        'Install it, or leave the judges out with --skip-missing.',
      { cause },
    );
  }
  await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements]);
  await writeFile(stamp, wanted);
  return python;
}

/** Runs a program to its end and gives what it printed. */
export function run(program: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on('data', (piece: Buffer) => output.push(piece));
    child.stderr.on('data', (piece: Buffer) => errors.push(piece));
    child.stdin.on('error', () => {});
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(Buffer.concat(output).toString());
      else
        reject(new Error(`${program} ended with ${code}: ${Buffer.concat(errors).toString().slice(-2000)}`));
    });
    child.stdin.end(input);
  });
}
