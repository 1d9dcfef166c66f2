import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Docs, openDocs } from '../../src/docs/docs.ts';
import { renderMarkdown } from '../../src/docs/render-markdown.ts';

const here = (href: string) => ({ kind: 'address', href, elsewhere: false }) as const;
const render = (text: string) => renderMarkdown(text, here).html;

/** The documentation of a checkout that has only these files. */
async function docsOf(t: TestContext, files: Readonly<Record<string, string>>): Promise<Docs> {
  const root = await mkdtemp(join(tmpdir(), 'longshore-docs-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  for (const [name, text] of Object.entries({ 'docs/README.md': '# Index\n', ...files })) {
    await mkdir(join(root, name, '..'), { recursive: true });
    await writeFile(join(root, name), text);
  }
  await writeFile(join(root, 'secret.md'), '# Secret');
  await symlink(join(root, 'secret.md'), join(root, 'docs', 'linked.md'));
  return openDocs(root);
}

describe('A page of Markdown', () => {
  it('passes no tag of its text on', () => {
    assert.equal(
      render('a <b onclick="x()">b</b> c'),
      '<p>a &lt;b onclick=&quot;x()&quot;&gt;b&lt;/b&gt; c</p>\n',
    );
    const hostile = render('# <img src=x onerror=y>\n\n<script>z</script>\n\n<svg/onload=1>');
    assert.deepEqual(hostile.match(/<\w+/g), ['<h1', '<a', '<p']);
    assert.equal(render('one<br>two'), '<p>one<br>two</p>\n');
    assert.equal(render('<!-- generated -->\n\ntext <!-- note -->'), '<p>text </p>\n');
    assert.ok(!render('<!-- x --><script>y</script><!-- z -->').includes('<script'));
    assert.ok(!render('```"><script>\n</code><script>\n```').includes('<script'));
  });

  it('makes no link that runs something', () => {
    for (const address of [
      'javascript:alert(1)',
      'JAVASCRIPT:x',
      'data:text/html,x',
      'vbscript:x',
      'file:///etc',
    ]) {
      assert.ok(!render(`[link](${address})`).includes('href'), address);
    }
  });

  it("has GitHub's anchors, also of headings that are the same, and anchors of rows after them", () => {
    const { html, sections } = renderMarkdown(
      '# Page\n\n## `Idempotency-Key`, twice\n\n## One & two\n\n## One & two\n\n' +
        '| name | means |\n|---|--:|\n| `LONGSHORE_PORT`, `page` | 8080 |\n| plain `code` | x |\n',
      here,
    );
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    assert.deepEqual(ids, [
      ...['page', 'idempotency-key-twice', 'one--two', 'one--two-1'],
      ...['longshore_port', 'page-1'],
    ]);
    assert.ok(html.includes('<td class="right">8080</td>'));
    const row = sections.find(({ level }) => level === null)!;
    assert.equal(row.title, 'LONGSHORE_PORT, page');
    assert.match(row.text, /8080/);
  });

  it('links to pages where they are served, and names files that are not', async (t) => {
    const docs = await docsOf(t, {
      'docs/README.md': '# Index\n\n[b](b.md) [a](a.md#x) [up](../README.md) [b](./b.md)\n',
      'docs/a.md':
        '# A\n\n[index](README.md#y) [folder](.) [b](b.md) [source](../src/a.ts) ![p](images/p.svg) ![q](images/q.svg)' +
        ' [project](../SECURITY.md) [away](https://example.org/x) [self](#x) [out](../../etc/passwd) [secret](linked.md)\n',
      'docs/b.md': '# B\n',
      'docs/c.md': '# C\n',
      'docs/images/p.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
      'README.md': '# Whole\n\n[a](docs/a.md#x) [docs](docs/) ![p](docs/images/p.svg)\n',
      'SECURITY.md': '# Safe\n',
    });
    assert.deepEqual(
      docs.pages.map(({ address, title }) => `${address} ${title}`),
      [
        ...['/docs Index', '/docs/b B', '/docs/a A', '/docs/c C'],
        ...['/docs/project/readme Whole', '/docs/project/security Safe'],
      ],
    );
    const linksOf = (name: string) =>
      [...docs.pages.find(({ title }) => title === name)!.html.matchAll(/ (?:href|src|title)="([^"]+)"/g)]
        .map(([, link]) => link)
        .filter((link) => !/^#(?!x)/.test(link!));
    assert.deepEqual(linksOf('A'), [
      ...['/docs#y', '/docs', '/docs/b', 'src/a.ts in the source', '/docs/pictures/images/p.svg'],
      ...['/docs/project/security', 'https://example.org/x', '#x', '../etc/passwd in the source'],
      'docs/linked.md in the source',
    ]);
    assert.deepEqual(linksOf('Whole'), ['/docs/a#x', '/docs', '/docs/pictures/images/p.svg']);
    assert.deepEqual([...docs.pictures.keys()], ['docs/images/p.svg']);
  });

  it('is not searched by a file that a link brings in from elsewhere', async (t) => {
    const docs = await docsOf(t, { 'docs/a.md': '# Open\n\nsecretly\n' });
    assert.deepEqual(
      docs.search('secret').map(({ address }) => address),
      ['/docs/a'],
    );
  });
});
