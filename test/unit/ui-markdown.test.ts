import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import MarkdownIt from 'markdown-it';
import { LOAD_JOB } from '../../src/loads/load-job.ts';
import { codeMarkdown, plainMarkdown } from '../../src/temporal/ui-markdown.ts';
import { groupDetails, progressDetails } from '../../workflows/progress.ts';

const NASTY = [
  'hired_employees.csv',
  '`whoami`.csv',
  '``` ` ```',
  '**bold** _em_ ~~gone~~.csv',
  '[click](https://evil.example).csv',
  '![](https://evil.example/x.png)',
  '<img src=x onerror=alert(1)>.csv',
  'a|b|c.csv',
  '\\*not\\*',
  '&lt;b&gt;',
  '_leading and trailing_',
  ' ',
  ' spaced ',
  '`',
];

describe('names of others in the Web UI', () => {
  // Links by their look alone are the Web UI's own business; code has none.
  const markdown = new MarkdownIt({ html: true, linkify: false });
  const shown = (html: string) => html.replaceAll(/<\/?(?:p|code)>/g, '').trim();
  const escaped = (text: string) => markdown.utils.escapeHtml(text);

  it('show as they are, and are no Markdown', () => {
    for (const name of NASTY) {
      assert.equal(shown(markdown.render(plainMarkdown(name))), escaped(name).trim(), name);
      const code = markdown.render(`of ${codeMarkdown(name)} now`);
      assert.equal(code.replace(/\n$/, ''), `<p>of <code>${escaped(name)}</code> now</p>`, name);
    }
    assert.equal(plainMarkdown('hired_employees.csv'), 'hired_employees.csv');
    assert.doesNotMatch(codeMarkdown('a\nb\u2028c'), /[\n\u2028]/);
  });

  it("say a load's number, and in the memo the same for programs", () => {
    const row = { id: 42, uid: 'u', table: 'jobs', mode: 'append', sourceName: 'a`b.csv' } as never;
    const { summary, details, memo } = LOAD_JOB.workflowOf(row);
    assert.equal(summary, 'Load 42: a\\`b.csv into jobs (append)');
    assert.equal(details, 'Load 42: ``a`b.csv`` into `jobs`, mode **append**');
    assert.deepEqual(memo, { load: 42, table: 'jobs', mode: 'append', file: 'a`b.csv' });
  });

  it('come with sizes that have their units, and with the truth about rejects', () => {
    const counts = { step: 'done', chunks: 1, chunksTotal: 1, read: 2, rejected: 2 };
    assert.match(progressDetails({ ...counts, bytes: 12, bytesTotal: 999 }), /\| size \| 12 B \| 999 B \|/);
    const large = progressDetails({ ...counts, bytes: 1_500, bytesTotal: 2_500_000_000 });
    assert.match(large, /\| size \| 1\.5 kB \| 2\.5 GB \|/);
    const group = { sent: 2, accepted: 0, rejected: 2, discarded: 0 };
    assert.match(groupDetails(group), /^\*\*done: every row was rejected\*\*/);
    assert.match(groupDetails({ ...group, accepted: 1, rejected: 1 }), /^\*\*done, with rejects\*\*/);
    assert.match(groupDetails({ ...group, accepted: 2, rejected: 0 }), /^\*\*done\*\*/);
  });
});
