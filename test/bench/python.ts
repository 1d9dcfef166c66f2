import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../../.cache/bench/', import.meta.url));

/** A Python with these packages, in a virtual environment of its own that later runs find again. */
export async function benchPython(
  packages: readonly string[],
): Promise<{ readonly path: string } | { readonly missing: string }> {
  const name = createHash('sha256').update(packages.join()).digest('hex').slice(0, 12);
  const folder = `${CACHE}python-${name}`;
  const path = `${folder}/bin/python`;
  const marker = `${folder}/complete`;
  if (existsSync(marker)) return { path };
  const steps: [string, string[]][] = [
    ['python3', ['-m', 'venv', folder]],
    [path, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...packages]],
    [path, ['-c', `open(${JSON.stringify(marker)}, 'w').close()`]],
  ];
  for (const [program, args] of steps) {
    const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    if (error || status !== 0) return { missing: `${program}: ${error?.message ?? stderr.slice(-300)}` };
  }
  return { path };
}
