import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { program } from '../../src/cli/program.ts';
import { remedyFor } from '../../src/cli/remedies.ts';
import { readConfig } from '../../src/config.ts';
import { ERRORS } from '../../src/errors.ts';
import { nearestWord } from '../../src/nearest.ts';
import { valueFault } from '../../src/reports/check-value.ts';
import { startTestApi } from '../support/api-fakes.ts';

/** How zod speaks of what it refuses, in any of its messages. */
const LIBRARY_WORDS =
  /Invalid (?:input|option|string|key|element|value|number|discriminator|[A-Z])|Too (?:big|small)|Unrecognized|\b(?:expected|received) (?:string|number|int|array|object|record|boolean|undefined|null value|nan|union)\b|to be [<>]|to have [<>]|must match pattern|\[object|Zod/;

const NO_VALUES: readonly unknown[] = [
  null,
  [],
  [[]],
  {},
  { nobody: 1 },
  0,
  -1,
  1.5,
  1e300,
  '',
  'nobody',
  'x'.repeat(70_000).slice(0, 40_000),
  true,
  [null],
  { constructor: 1 },
];

interface Problem {
  readonly code?: string;
  readonly detail?: string;
  readonly remedy?: string;
  readonly errors?: readonly {
    readonly detail: string;
    readonly pointer?: string;
    readonly parameter?: string;
  }[];
}

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
}

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

describe('the words of errors', async () => {
  const api = await startTestApi();
  after(() => api[Symbol.asyncDispose]());
  const headers = { 'x-api-key': 'admin-key-of-the-tests' };
  const document = (await (await fetch(`${api.url}/openapi.json`)).json()) as Document;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const addressOf = (path: string) => api.url + path.replace('{table}', 'jobs').replaceAll(/\{\w+\}/g, '1');

  /** Problems seen, by their code; each is held to the words that it may have. */
  const seen = new Map<string, number>();
  async function check(what: string, response: Response): Promise<Problem | null> {
    const text = await response.text();
    if (response.status < 400) return null;
    assert.match(
      response.headers.get('content-type') ?? '',
      /^application\/problem\+json/,
      `${what}: ${text}`,
    );
    const problem = JSON.parse(text) as Problem;
    seen.set(problem.code!, (seen.get(problem.code!) ?? 0) + 1);
    assert.doesNotMatch(text, LIBRARY_WORDS, `${what}: ${text.slice(0, 600)}`);
    for (const { detail } of problem.errors ?? []) assert.ok(detail.length > 10, `${what}: ${detail}`);
    if (problem.errors === undefined) assert.doesNotMatch(problem.remedy ?? '', /`errors`/, what);
    return problem;
  }

  it('are our own for every wrong parameter of every route', async () => {
    for (const { path, method, operation } of operations) {
      const names = (operation.parameters ?? []).filter((one) => one.in === 'query').map(({ name }) => name);
      const queries = names.flatMap((name) => [
        `${name}=`,
        `${name}=nobody`,
        `${name}=-1`,
        `${name}=99999999999999999999`,
        `${name}=%00`,
        `${name}=1&${name}=2`,
      ]);
      for (const query of ['nobody=1', ...queries]) {
        const init = method === 'GET' ? { headers } : { method, headers };
        await check(`${method} ${path}?${query}`, await fetch(`${addressOf(path)}?${query}`, init));
      }
    }
    assert.ok(seen.get('invalid-request')! > 100, JSON.stringify([...seen]));
  });

  it('are our own for every wrong body of every route', async () => {
    const before = seen.get('invalid-request')!;
    for (const { path, method, operation } of operations) {
      const schema = operation.requestBody?.content['application/json']?.schema;
      if (schema === undefined) continue;
      for (const body of wrongBodies(schema)) {
        const init = {
          method,
          headers: { ...headers, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        };
        const what = `${method} ${path} ${JSON.stringify(body)?.slice(0, 100)}`;
        const problem = await check(what, await fetch(addressOf(path), init));
        for (const { pointer, parameter } of problem?.errors ?? []) assert.ok(pointer ?? parameter, what);
      }
    }
    assert.ok(seen.get('invalid-request')! > before + 100, JSON.stringify([...seen]));
  });

  function wrongBodies(schema: Schema): readonly unknown[] {
    const { properties = {} } = resolved(schema);
    const whole = Object.fromEntries(Object.keys(properties).map((name) => [name, 1]));
    const members = Object.entries(properties).flatMap(([name, of]) => [
      ...NO_VALUES.map((value) => ({ [name]: value })),
      ...NO_VALUES.map((value) => ({ ...whole, [name]: value })),
      ...Object.keys(resolved(of).properties ?? {}).flatMap((inner) =>
        NO_VALUES.map((value) => ({ ...whole, [name]: { [inner]: value } })),
      ),
    ]);
    return [...NO_VALUES, ...members];
  }

  function resolved(schema: Schema): Schema {
    const one = schema.anyOf?.[0] ?? schema;
    return one.$ref === undefined ? one : document.components.schemas[one.$ref.split('/').at(-1)!]!;
  }

  const post = async (path: string, body: unknown, more: Readonly<Record<string, string>> = {}) => {
    const init = { headers: { ...headers, 'content-type': 'application/json', ...more } };
    const response = await fetch(api.url + path, { ...init, method: 'POST', body: JSON.stringify(body) });
    return { response, problem: (await response.clone().json()) as Problem };
  };

  it('say what is known, and the nearest of it', async () => {
    const { problem } = await post('/v1/backups', { codek: 'deflate', codec: 'zstd', tables: 'jobs' });
    assert.deepEqual(problem.errors, [
      {
        pointer: '#/codec',
        detail: 'expected one of deflate, zstandard, null, received "zstd"',
      },
      { pointer: '#/tables', detail: 'expected a list, received a text' },
      {
        pointer: '#/codek',
        detail: 'is not known here; known are codec, encrypt, pin, tables; did you mean "codec"?',
      },
    ]);
    const response = await fetch(`${api.url}/v1/loads?Limit=5000&limit=5000`, { headers });
    const { errors } = (await response.json()) as Problem;
    assert.equal(errors?.[0]?.detail, 'limit: expected a whole number, 1 to 500');
    assert.match(
      errors?.[1]?.detail ?? '',
      /^Limit: is not known here; known are table, status, limit\b.*; did you mean "limit"\?$/,
    );
    const table = (await (await fetch(`${api.url}/v1/tables/job`, { headers })).json()) as Problem;
    assert.equal(table.detail, 'the dictionary has no table "job"; did you mean "jobs"?');
  });

  it('speak of the coding where a body is compressed, and name the one that is taken', async () => {
    for (const [path, type] of [
      ['/v1/tables/jobs/loads', 'multipart/form-data'],
      ['/v1/tables/jobs/rows', 'application/json'],
      ['/v1/backups', 'application/json'],
      ['/v1/schedules', 'application/json'],
    ] as const) {
      const { response, problem } = await post(path, [], {
        'content-type': type,
        'content-encoding': 'gzip',
      });
      assert.equal(response.status, 415, path);
      assert.equal(response.headers.get('accept-encoding'), 'identity');
      assert.match(problem.detail ?? '', /Content-Encoding "gzip".*unpacked/);
      assert.doesNotMatch(JSON.stringify(problem), /content type/);
    }
  });

  it('of the environment are our own, too', () => {
    const wrong = {
      LONGSHORE_WORKERS: 'many',
      LONGSHORE_PORT: '70000',
      LONGSHORE_LOG: 'inf',
      LONGSHORE_RATE: '0',
    };
    assert.throws(
      () => readConfig(wrong),
      ({ message }: Error) => {
        assert.doesNotMatch(message, LIBRARY_WORDS);
        assert.match(message, /LONGSHORE_PORT: expected at most 65535, received 70000/);
        assert.match(message, /LONGSHORE_LOG: expected one of .*; did you mean "info"\?/);
        return true;
      },
    );
  });

  it('name commands in the client, and only those that there are', () => {
    const commands = new Set<string>();
    const root = program({ stdout: process.stdout, stderr: process.stderr } as never);
    for (const command of root.commands) {
      commands.add(command.name());
      for (const sub of command.commands) commands.add(`${command.name()} ${sub.name()}`);
    }
    for (const [code, { remedy }] of Object.entries(ERRORS)) {
      const shown = remedyFor(code, remedy)!;
      assert.doesNotMatch(
        shown,
        /\b(?:GET|POST|PUT|DELETE) |\/v1\/|Retry-After|[Hh]eader|`(?:errors|as|acceptBrokenRows)`|x-api-key|multipart/,
        code,
      );
      for (const [, named = ''] of shown.matchAll(/"longshore ([a-z ]+?)(?: <\w+>)?"/g)) {
        assert.ok(commands.has(named), `${code}: longshore ${named}`);
      }
    }
    assert.equal(remedyFor('of-a-later-version', 'Do this.'), 'Do this.');
  });

  it('take numbers as they show them', () => {
    for (const value of ['NaN', 'Infinity', '-Infinity']) {
      assert.equal(valueFault('numeric', value), null);
      assert.equal(valueFault('double precision', value), null);
    }
    assert.notEqual(valueFault('numeric', '+Infinity'), null);
  });
});

describe('the nearest word', () => {
  const known = ['append', 'replace', 'merge', 'maxRejects', 'limit'];

  it('is what somebody most likely meant', () => {
    for (const [given, meant] of [
      ['Append', 'append'],
      ['apend', 'append'],
      ['mrege', 'merge'],
      ['max_rejects', 'maxRejects'],
      ['max-reject', 'maxRejects'],
      ['limits', 'limit'],
    ] as const) {
      assert.equal(nearestWord(given, known), meant);
    }
  });

  it('is none where nothing is near, and takes no time for a long one', () => {
    for (const given of ['', 'x', 'truncate', 'x'.repeat(1_000_000)]) {
      assert.equal(nearestWord(given, known), undefined);
    }
  });
});
