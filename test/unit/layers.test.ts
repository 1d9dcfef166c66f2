import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * The layers of the product, lowest first. A file imports from its own layer and from those below, never from above;
 * types count as values do. A folder's own subfolders are of its layer unless they are listed themselves.
 */
const LAYERS: readonly (readonly string[])[] = [
  // What everything stands on: types, the error catalog, the configuration.
  ['src'],
  // Means.
  ['src/csv'],
  ['src/rows'],
  ['migrations'],
  ['src/db', 'src/ledger'],
  ['src/storage'],
  ['src/wrappings'],
  ['src/runtime'],
  ['src/avro'],
  ['src/dictionary'],
  ['src/infer'],
  ['src/audit'],
  ['src/seal'],
  ['src/temporal'],
  ['src/installation'],
  ['src/jobs'],
  ['src/tables'],
  ['src/rejects'],
  ['src/publish'],
  // Capabilities.
  ['src/keys'],
  ['src/loads'],
  ['src/check'],
  ['src/arrivals'],
  ['src/batches'],
  ['src/reports'],
  ['src/backups'],
  ['src/restores'],
  ['src/tidy'],
  ['src/schedules'],
  ['src/housekeeping'],
  ['src/metrics'],
  ['src/sample'],
  ['src/docs'],
  ['src/platform'],
  ['src/cli'],
  // Processes. A workflow knows the types of its activities.
  ['activities', 'workflows'],
  ['api/http'],
  ['api'],
];

/** The ledger's entities say what their columns hold in the types of the capabilities; no value of theirs. */
const TYPES_FROM_ABOVE = 'src/ledger';

/** Every way in which a module names another one of ours; code in strings and comments doesn't look like this. */
const IMPORTS = /\b(?:from|import)\s*\(?\s*'(\.[^']+\.ts)'/g;

const imports = readImports();

describe('the layers', () => {
  it('have every folder of the product', () => {
    const unknown = [...imports.keys()].filter((file) => layerOf(file) === -1);
    assert.deepEqual(unknown, []);
    const folders = new Set([...imports.keys()].map((file) => dirname(file)));
    const empty = LAYERS.flat().filter((layer) => ![...folders].some((folder) => isWithin(folder, layer)));
    assert.deepEqual(empty, []);
  });

  it('import downwards only', () => {
    const upwards = [...imports].flatMap(([file, targets]) =>
      targets
        .filter((target) => layerOf(target) > layerOf(file) && !isTypeFromAbove(file, target))
        .map((target) => `${file} → ${target}`),
    );
    assert.deepEqual(upwards, []);
  });

  it('have no circle of files', () => {
    assert.deepEqual(circlesIn(imports), []);
  });

  it('leave HTTP to api/', () => {
    const http = /from '(?:express|node:http|node:https|helmet|busboy)'/;
    const found = [...imports.keys()].filter(
      (file) => !file.startsWith('api/') && http.test(readFileSync(join(ROOT, file), 'utf8')),
    );
    // The client calls the API; the metrics of a worker and the doors of its embedded servers are no part of it.
    assert.deepEqual(found, HTTP_ELSEWHERE);
  });

  it('finds a circle where there is one', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['b', 'd']],
      ['d', []],
    ]);
    assert.deepEqual(circlesIn(graph), [['b', 'c']]);
  });
});

const HTTP_ELSEWHERE: readonly string[] = ['activities/metrics-server.ts'];

function isTypeFromAbove(file: string, target: string): boolean {
  if (dirname(file) !== TYPES_FROM_ABOVE) return false;
  const text = readFileSync(join(ROOT, file), 'utf8');
  const specifier = relative(dirname(file), target);
  return text.split(';').every((line) => !line.includes(`'${specifier}'`) || /^\s*import type\s/.test(line));
}

function readImports(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const top of ['src', 'api', 'workflows', 'activities', 'migrations']) {
    for (const name of readdirSync(join(ROOT, top), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue;
      const file = normalize(join(top, name)).replaceAll('\\', '/');
      const text = readFileSync(join(ROOT, file), 'utf8');
      const targets = [...text.matchAll(IMPORTS)].map(([, to]) => normalize(join(dirname(file), to!)));
      found.set(
        file,
        targets.map((target) => target.replaceAll('\\', '/')),
      );
    }
  }
  return found;
}

function isWithin(folder: string, layer: string): boolean {
  return folder === layer || folder.startsWith(`${layer}/`);
}

/** The layer of the longest folder that the file is in; -1: of none. `src` has only the files that lie in it. */
function layerOf(file: string): number {
  const folder = dirname(file);
  const known = LAYERS.flat().filter((layer) =>
    layer === 'src' ? folder === layer : isWithin(folder, layer),
  );
  const own = known.sort((a, b) => b.length - a.length)[0];
  return LAYERS.findIndex((layer) => own !== undefined && layer.includes(own));
}

/** Strongly connected components of more than one file (Tarjan, 1972), each in alphabetical order. */
function circlesIn(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const path: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    path.push(file);
    for (const target of graph.get(file) ?? []) {
      if (!graph.has(target)) continue;
      if (!order.has(target)) visit(target);
      if (path.includes(target)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(target)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const circle = path.splice(path.indexOf(file));
    if (circle.length > 1) circles.push(circle.sort());
  };
  for (const file of graph.keys()) if (!order.has(file)) visit(file);
  return circles;
}
