import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ERRORS } from '../../src/errors.ts';
import { startTestApi, type TestApi } from '../support/api-fakes.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ROOT_FILES = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'];

describe('The documentation at /docs', () => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi();
  });
  after(() => api[Symbol.asyncDispose]());

  const ask = (path: string, headers: Record<string, string> = {}) =>
    api.call(path, { key: null, redirect: 'manual', headers });
  async function html(path: string): Promise<string> {
    const response = await ask(path);
    assert.equal(response.status, 200, path);
    assert.match(response.headers.get('content-type')!, /^text\/html/);
    return response.text();
  }

  it('has a page of every Markdown file of docs/ and of those of the root, each under its heading', async () => {
    const subjects = readdirSync(`${ROOT}docs`, { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.md'));
    assert.ok(subjects.length > 0);
    const roots = ROOT_FILES.filter((name) => readdirSync(ROOT).includes(name));
    const pages = [
      ...subjects.map((name) => [`docs/${name}`, `/docs/${name.slice(0, -3)}`] as const),
      ...roots.map((name) => [name, `/docs/project/${name.slice(0, -3).toLowerCase()}`] as const),
    ];
    for (const [file, path] of pages) {
      const page = await html(path.replace('/README', ''));
      const heading = /^# (.+)$/m.exec(readFileSync(ROOT + file, 'utf8'))![1]!;
      assert.match(page, /<h1 id="[^"]+">/);
      assert.ok(page.includes(`<title>${heading.replaceAll('`', '')} – Longshore</title>`), file);
    }
  });

  it('links only to pages, sections and pictures that there are', async () => {
    const seen = new Map<string, string>();
    const waiting = ['/docs'];
    const anchors: { from: string; path: string; fragment: string }[] = [];
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      if (seen.has(path)) continue;
      const response = await ask(path);
      assert.equal(response.status, 200, `${path} is linked to, and answers ${response.status}`);
      const text = await response.text();
      seen.set(path, text);
      if (!response.headers.get('content-type')!.startsWith('text/html')) continue;
      for (const [, target = ''] of text.matchAll(/(?:href|src|action)="([^"]+)"/g)) {
        if (/^https?:/.test(target)) continue;
        const url = new URL(target.replaceAll('&amp;', '&'), `http://docs${path}`);
        assert.equal(url.host, 'docs', target);
        waiting.push(url.pathname);
        if (url.hash !== '') {
          anchors.push({ from: path, path: url.pathname, fragment: decodeURIComponent(url.hash.slice(1)) });
        }
      }
    }
    assert.ok(seen.size > ROOT_FILES.length + 5, `pages were found: ${[...seen.keys()]}`);
    assert.ok(anchors.length > 100);
    for (const { from, path, fragment } of anchors) {
      assert.ok(seen.get(path)!.includes(` id="${fragment}"`), `${from} links to ${path}#${fragment}`);
    }
    for (const [path, text] of seen) {
      const ids = [...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
      assert.equal(new Set(ids).size, ids.length, `${path} has the same anchor twice`);
    }
  });

  it('runs no script of a page, loads nothing from elsewhere, and says so to the browser', async () => {
    for (const path of ['/docs', '/docs/recovery', '/docs/search?q=load', '/docs/api']) {
      const response = await ask(path);
      const policy = response.headers.get('content-security-policy')!;
      assert.match(policy, /default-src 'none'/);
      assert.match(policy, /script-src 'self'(;|$)/);
      assert.ok(!policy.includes('unsafe'), policy);
      const page = await response.text();
      assert.doesNotMatch(page, /<script(?![^>]* src="\/docs\/assets\/)/);
      assert.doesNotMatch(page, /<style|<[^>]+ (?:style|on\w+)=/);
      assert.doesNotMatch(page, /(?:src|<link[^>]* href)="(?!\/docs\/)/);
    }
  });

  it('finds sections by their words, and shows them without a script', async () => {
    const results = async (query: string) => {
      const page = await html(`/docs/search?${new URLSearchParams({ q: query })}`);
      return [...page.matchAll(/<li><a href="([^"]+)">.*?<\/a><p>(.*?)<\/p>/g)].map(
        ([, address = '', excerpt = '']) => ({ address, excerpt }),
      );
    };
    const [first] = await results('mended older copy');
    assert.match(first!.address, /^\/docs\/recovery#/);
    assert.match(first!.excerpt, /<mark>/);
    const text = await html(first!.address.split('#')[0]!);
    assert.ok(text.includes(` id="${first!.address.split('#')[1]}"`));

    assert.equal((await results('too-many-rejects'))[0]!.address, '/docs/errors#too-many-rejects');
    assert.equal((await results('LONGSHORE_PORT'))[0]!.address, '/docs/configuration#longshore_port');
    assert.equal((await results('idempotency key'))[0]!.address, '/docs/batches#idempotency-key');
    assert.ok((await results('Recoverd')).length > 0, 'a typing error is forgiven');
    assert.deepEqual(await results('qqqqqqqq'), []);
    assert.deepEqual(await results(''), []);
    assert.deepEqual(await results('..."\'&<>'), []);
  });

  it('repeats what is searched for as text, and bounds it', async () => {
    const page = await html(`/docs/search?q=${encodeURIComponent('"><script>alert(1)</script>')}`);
    assert.ok(!page.includes('<script>'));
    assert.ok(page.includes('value="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"'));
    const long = await ask(`/docs/search?q=${'x'.repeat(201)}`);
    assert.equal(long.status, 400);
    await long.body?.cancel();
    assert.equal((await ask(`/docs/search?q=${'ab '.repeat(66)}`)).status, 200);
  });

  it('keeps the addresses that it had', async () => {
    const reference = await html('/docs/api');
    assert.match(reference, /<div id="swagger-ui">/);
    assert.ok((await html('/docs')).includes('<script src="/docs/assets/docs.js">'));
    const script = await (await ask('/docs/assets/docs.js')).text();
    // A fragment never reaches the server.
    assert.match(script, /location\.replace\(`\/docs\/api\$\{location\.hash\}`\)/);
    for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js', 'start.js']) {
      const asset = await ask(`/docs/assets/${name}`);
      assert.equal(asset.status, 200);
      await asset.body?.cancel();
    }
    const errors = await html('/docs/errors');
    for (const code of Object.keys(ERRORS)) assert.ok(errors.includes(` id="${code}"`), code);
    const moved = {
      '/docs/': '/docs',
      '/docs/README.md': '/docs',
      '/docs/recovery.md': '/docs/recovery',
      '/docs/project/README.md': '/docs/project/readme',
    };
    for (const [path, target] of Object.entries(moved)) {
      const response = await ask(path);
      assert.equal(response.status, 308, path);
      assert.equal(response.headers.get('location'), target);
    }
  });

  it('serves no other file', async () => {
    const outside = [
      ...['/docs/package.json', '/docs/../package.json', '/docs/%2e%2e/package.json'],
      ...['/docs/..%2fpackage.json', '/docs/..%2fSECURITY', '/docs/%2e%2e%2f.env', '/docs/project/package'],
      ...['/docs/project/license', '/docs/project/..%2freadme', '/docs/project/%2e%2e', '/docs/Recovery'],
      ...['/docs/pictures/recovery.md', '/docs/pictures/..%2f..%2fpackage.json', '/docs/pictures/'],
      ...['/docs/pictures/%2e%2e/%2e%2e/package.json', '/docs/pictures//etc/passwd', '/docs/assets/'],
      ...['/docs/assets/package.json', '/docs/assets/..%2fdocs.ts', '/docs/assets/%2e%2e/docs.ts'],
      ...['/docs/constructor', '/docs/__proto__', '/docs//etc/passwd', '/docs/recovery/'],
    ];
    for (const path of outside) {
      // fetch would resolve the dots.
      const answer = await api.raw(`GET ${path} HTTP/1.1\r\nHost: docs\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 404 /, path);
      assert.match(answer, /application\/problem\+json/, path);
    }
    for (const path of ['/docs/none.md', '/docs/project/none.md']) {
      const response = await ask(path);
      assert.equal((await ask(response.headers.get('location')!)).status, 404, path);
    }
  });

  it('shows a browser which pages there are where there is none', async () => {
    const response = await ask('/docs/none', { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' });
    assert.equal(response.status, 404);
    const page = await response.text();
    assert.match(page, /<h1>There is no such page<\/h1>/);
    assert.ok(page.includes('href="/docs/recovery"'));
  });
});
