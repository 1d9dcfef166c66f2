import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseDockerfile, type Step } from './dockerfile.ts';

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));
/** The programs and libraries of this machine stand in for those of the base image, but for what it has in /usr/local. */
const OF_THIS_MACHINE = ['usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'usr/share', 'dev', 'proc'];
const LINKS = ['bin', 'sbin', 'lib', 'lib64'];
const NODE_ID = 1000;
export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** An image's file system, and how its containers run. */
export interface Image {
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly command: readonly string[];
}

/** Why no file systems can be put together here, or null. */
export function imageFault(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'only root on Linux can change the root folder';
  for (const program of ['unshare', 'setpriv', 'chroot', 'mount']) {
    if (spawnSync(program, ['--version']).status !== 0) return `there is no ${program}`;
  }
  return spawnSync('unshare', ['--mount', 'true']).status === 0 ? null : 'no mount namespace can be made';
}

/**
 * Carries out the Dockerfile, step by step, each `RUN` with the stage's folder as its root. In the place of the base image
 * there are this machine's programs and the Node of package.json, an empty `/etc/ssl`, and a user `node`.
 */
export async function buildImage(folder: string): Promise<Image> {
  const roots = new Map<string, string>();
  let built:
    | { root: string; env: Record<string, string>; workdir: string; command: readonly string[] }
    | undefined;
  for (const [index, { name, steps }] of parseDockerfile(
    readFileSync(join(CHECKOUT, 'Dockerfile'), 'utf8'),
  ).entries()) {
    const root = join(folder, `stage-${index}`);
    makeBase(root);
    if (name !== undefined) roots.set(name, root);
    built = { root, env: {}, workdir: '/', command: [] };
    for (const step of steps) await carryOut(step, built, roots);
  }
  if (!built) throw new Error('the Dockerfile has no stage');
  return built;
}

async function carryOut(
  step: Step,
  image: { root: string; env: Record<string, string>; workdir: string; command: readonly string[] },
  roots: ReadonlyMap<string, string>,
): Promise<void> {
  switch (step.kind) {
    case 'workdir':
      image.workdir = step.text;
      mkdirSync(join(image.root, step.text), { recursive: true });
      break;
    case 'env':
      Object.assign(image.env, step.values);
      break;
    case 'cmd':
      image.command = step.command;
      break;
    case 'user':
      if (step.text !== 'node') throw new Error(`the user of an image is node, not ${step.text}`);
      break;
    case 'copy': {
      const from = step.from === undefined ? CHECKOUT : roots.get(step.from);
      if (from === undefined) throw new Error(`there is no stage ${step.from}`);
      const target = join(image.root, resolve(image.workdir, step.target));
      for (const source of step.sources) {
        const path = join(from, source);
        // Of a folder its content is copied; a file goes into a folder, or gets the name.
        const isInto =
          !lstatSync(path).isDirectory() && (step.sources.length > 1 || step.target.endsWith('/'));
        const to = isInto ? join(target, basename(source)) : target;
        mkdirSync(dirname(to), { recursive: true });
        // As they are: a link is no copy of what it leads to.
        cpSync(path, to, { recursive: true, verbatimSymlinks: true });
      }
      break;
    }
    case 'run':
      await runStep(image, step.text);
  }
}

async function runStep(image: Omit<Image, 'command'>, command: string): Promise<void> {
  const { env, binds } = registryAccess();
  const child = spawn(...inRoot(image, { binds, writable: true }, ['/bin/sh', '-ec', command]), {
    env: { ...env, ...image.env, PATH, HOME: '/root' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      said = (said + text).slice(-4_000);
    });
  }
  const code = await new Promise((done, fail) => child.once('close', done).once('error', fail));
  if (code !== 0) throw new Error(`RUN ${command}\nended with ${code}:\n${said}`);
}

/** npm reaches its registry as it does on this machine: by its settings, a proxy, and the certificate of who is in between. */
function registryAccess(): {
  readonly env: Record<string, string>;
  readonly binds: NonNullable<View['binds']>;
} {
  const settings = Object.entries(process.env).filter(([name]) =>
    /^(npm_config_|https?_proxy$|no_proxy$)/i.test(name),
  );
  const env = Object.fromEntries(settings) as Record<string, string>;
  const settingsFile = { source: join(homedir(), '.npmrc'), target: '/run/npmrc' };
  const binds = [settingsFile];
  if (existsSync(settingsFile.source)) env.npm_config_userconfig = settingsFile.target;
  const certificates = process.env.NODE_EXTRA_CA_CERTS;
  if (certificates) {
    env.NODE_EXTRA_CA_CERTS = '/run/registry.crt';
    binds.push({ source: certificates, target: env.NODE_EXTRA_CA_CERTS });
  }
  return { env, binds: binds.filter(({ source }) => existsSync(source)) };
}

export interface View {
  readonly binds?: readonly { readonly source: string; readonly target: string }[];
  /** As Compose has them: `/tmp:mode=1777`. */
  readonly tmpfs?: readonly string[];
  /** Its own files can be changed; else only those of a tmpfs. */
  readonly writable?: boolean;
  /** Without any right of root, as the image's user. */
  readonly confined?: boolean;
}

/** The program and arguments that run a command with the image as the root folder. The process ID is the command's. */
export function inRoot(
  { root, workdir }: Pick<Image, 'root' | 'workdir'>,
  { binds = [], tmpfs = [], writable = false, confined = false }: View,
  command: readonly string[],
): [string, string[]] {
  const steps = [`mount --bind ${quoted(root)} ${quoted(root)}`];
  const bind = (source: string, target: string) => {
    const at = join(root, target);
    if (lstatSync(source).isDirectory()) mkdirSync(at, { recursive: true });
    else if (!existsSync(at)) {
      mkdirSync(dirname(at), { recursive: true });
      writeFileSync(at, '');
    }
    steps.push(`mount --rbind ${quoted(source)} ${quoted(at)}`);
  };
  if (!writable) steps.push(`mount -o remount,bind,ro ${quoted(root)}`);
  for (const path of OF_THIS_MACHINE) if (existsSync(`/${path}`)) bind(`/${path}`, path);
  for (const { source, target } of binds) bind(source, target);
  for (const line of tmpfs) {
    const [path = '', options = ''] = line.split(':');
    mkdirSync(join(root, path), { recursive: true });
    steps.push(`mount -t tmpfs -o ${quoted(options)} tmpfs ${quoted(join(root, path))}`);
  }
  const as = confined
    ? [
        'setpriv',
        `--reuid=${NODE_ID}`,
        `--regid=${NODE_ID}`,
        '--clear-groups',
        '--bounding-set=-all',
        '--inh-caps=-all',
        '--no-new-privs',
      ]
    : [];
  const inside = ['/usr/bin/env', '-C', workdir, ...as, ...command];
  steps.push(`exec chroot ${quoted(root)} ${inside.map(quoted).join(' ')}`);
  return ['unshare', ['--mount', '--propagation', 'private', '/bin/sh', '-ec', steps.join('\n')]];
}

function makeBase(root: string): void {
  for (const path of [
    'tmp',
    'run',
    'root',
    'etc/ssl',
    'home/node',
    'usr/local/bin',
    'usr/local/lib/node_modules',
    ...OF_THIS_MACHINE,
  ]) {
    mkdirSync(join(root, path), { recursive: true });
  }
  for (const name of LINKS) {
    if (existsSync(`/${name}`)) symlinkSync(`usr/${name}`, join(root, name));
    // Else the base would have to have folders of its own, which `bind` would fill.
    if (existsSync(`/${name}`) && readlinkSync(`/${name}`) !== `usr/${name}`)
      throw new Error(`/${name} is no link`);
  }
  for (const file of ['hosts', 'resolv.conf', 'nsswitch.conf', 'ld.so.cache', 'ld.so.conf']) {
    if (existsSync(`/etc/${file}`)) cpSync(`/etc/${file}`, join(root, 'etc', file), { dereference: true });
  }
  writeFileSync(
    join(root, 'etc/passwd'),
    `root:x:0:0::/root:/bin/sh\nnode:x:${NODE_ID}:${NODE_ID}::/home/node:/bin/sh\n`,
  );
  writeFileSync(join(root, 'etc/group'), `root:x:0:\nnode:x:${NODE_ID}:\n`);
  const program = join(CHECKOUT, 'node_modules/node/bin/node');
  const node = join(root, 'usr/local/bin/node');
  try {
    linkSync(program, node);
  } catch {
    cpSync(program, node);
  }
  const npm = spawnSync('npm', ['root', '--global'], { encoding: 'utf8' }).stdout.trim();
  cpSync(join(npm, 'npm'), join(root, 'usr/local/lib/node_modules/npm'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
