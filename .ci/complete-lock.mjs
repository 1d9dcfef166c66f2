// `npm run lock`, after a change of dependencies: adds the optional packages of other platforms that npm left out of
// package-lock.json. npm leaves one out when the registry in use does not have it (a mirror may hold only some
// platforms), and `npm ci` then refuses the whole lock file, on every platform. Entries without an integrity hash get
// the registry's; a package that the registry does not have keeps none, and is named.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(FILE, 'utf8'));

const added = [];
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const isThere = [`${path}/node_modules/${name}`, `node_modules/${name}`].some(
      (place) => place in lock.packages,
    );
    const platform = platformOf(name);
    if (isThere || platform === null) continue;
    lock.packages[`node_modules/${name}`] = {
      version,
      ...platform,
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
    };
    added.push(`${name}@${version}`);
  }
}

const hashed = [];
const unhashed = [];
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path === '' || entry.integrity || entry.link) continue;
  const { version, ...rest } = entry;
  const name = `${path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${version}`;
  const { stdout } = spawnSync('npm', ['view', name, 'dist.integrity'], { encoding: 'utf8' });
  const integrity = stdout.trim();
  if (integrity.startsWith('sha512-')) {
    lock.packages[path] = { version, integrity, ...rest };
    hashed.push(name);
  } else unhashed.push(name);
}

if (added.length > 0 || hashed.length > 0) {
  const { '': project, ...others } = lock.packages;
  const sorted = Object.entries(others).sort(([a], [b]) => a.localeCompare(b, 'en'));
  lock.packages = { '': project, ...Object.fromEntries(sorted) };
  writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
}
console.log(
  added.length === 0 ? 'The lock file is complete.' : `Added to the lock file: ${added.join(', ')}`,
);

if (hashed.length > 0) console.log(`Got the integrity of: ${hashed.join(', ')}`);
if (unhashed.length > 0)
  console.log(`Without integrity, the registry does not have them: ${unhashed.join(', ')}`);

/** What such packages are named after: `@swc/core-linux-x64-musl`. Null for a package of every platform. */
function platformOf(name) {
  const words = name.split(/[-/]/);
  const os = words.find((word) =>
    ['android', 'darwin', 'freebsd', 'linux', 'win32', 'windows'].includes(word),
  );
  const cpu = words.find((word) =>
    ['arm', 'arm64', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64'].includes(word),
  );
  if (os === undefined || cpu === undefined) return null;
  const libc = words.includes('musl')
    ? 'musl'
    : words.some((word) => word.startsWith('gnu'))
      ? 'glibc'
      : null;
  return {
    cpu: [cpu],
    ...(os === 'linux' && libc !== null ? { libc: [libc] } : {}),
    os: [os === 'windows' ? 'win32' : os],
  };
}
