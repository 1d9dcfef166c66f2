import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PatternError, parsePattern } from '../../src/arrivals/pattern.ts';
import { fileKey, markedBy, markerOf, movedPlace, withEnding } from '../../src/arrivals/places.ts';
import { arrivalsOf, bucketOf, createdKeys, s3EventsSchema } from '../../src/arrivals/s3-events.ts';
import { arrivalChangeSchema, newArrivalSchema } from '../../src/arrivals/settings.ts';

describe('A pattern of an arrival', () => {
  for (const [text, matching, others] of [
    ['*.csv', ['a.csv', '.csv', 'a b.csv'], ['a/b.csv', 'a.csv.gz', 'a.CSV', '']],
    ['**', ['a', 'a/b', 'a/b/c.csv'], ['']],
    ['**/*.csv', ['a.csv', 'x/a.csv', 'x/y/a.csv'], ['a.txt', 'x/a.csv/b']],
    [
      'in/**/x?.csv',
      ['in/x1.csv', 'in/a/b/x2.csv'],
      ['in/x.csv', 'in/x12.csv', 'out/in/x1.csv', 'inner/x1.csv'],
    ],
    ['a/**', ['a/b', 'a/b/c'], ['a', 'a/', 'b/a']],
    ['**/a/**/b', ['a/b', 'a/a/b', 'x/a/y/z/b'], ['b', 'a', 'xa/b', 'a/xb']],
    ['[a]+(b)$', ['[a]+(b)$'], ['a', 'ab']],
    ['{table}/**', ['jobs/a.csv', 'jobs/x/y'], ['jobs', '/a']],
    ['{table}.*.csv', ['jobs.2026.csv'], ['jobs.csv', 'x/jobs.1.csv']],
  ] as const) {
    it(`${text} matches what it says`, () => {
      const pattern = parsePattern(text);
      for (const path of matching) assert.equal(pattern.matches(path), true, path);
      for (const path of others) assert.equal(pattern.matches(path), false, path);
    });
  }

  it('says the table: a folder, or a name up to its first dot', () => {
    assert.equal(parsePattern('{table}/**').tableOf('o.clock/2026/a.csv'), 'o.clock');
    assert.equal(parsePattern('in/{table}.*').tableOf('in/jobs.2026.csv'), 'jobs');
    assert.equal(parsePattern('{table}').tableOf('jobs.x'), 'jobs.x');
    assert.equal(parsePattern('*.csv').tableOf('a.csv'), null);
  });

  it('takes time that is linear in the path', () => {
    const pattern = parsePattern('**/a*a*a*a*a*a*a*a*a*a/**/*b*b*b*b*b*b');
    const started = performance.now();
    assert.equal(pattern.matches(`${'a'.repeat(20_000)}/${'ab/'.repeat(5_000)}c`), false);
    assert.ok(performance.now() - started < 10_000);
  });

  for (const text of [
    '',
    '/a',
    'a//b',
    '../x',
    'a\nb',
    'a\\b',
    '**x',
    '{table}x/a',
    'x{table}',
    '{table}/{table}',
    '**/{table}',
    '{name}',
    'x'.repeat(201),
  ]) {
    it(`${JSON.stringify(text.slice(0, 20))} is refused`, () => {
      assert.throws(() => parsePattern(text), PatternError);
    });
  }
});

describe('The place of a file that has ended', () => {
  it('is below done/ or failed/ as it was below the prefix, with a part of its version where the name is taken', () => {
    assert.equal(movedPlace('inbox/', 'inbox/jobs/x/a.csv', 'done/', null), 'inbox/done/jobs/x/a.csv');
    assert.equal(movedPlace('inbox/', 'inbox/jobs/a.csv', 'failed/', 'f00'), 'inbox/failed/jobs/a.f00.csv');
    assert.equal(movedPlace('in/', 'in/a', 'done/', 'f00'), 'in/done/a.f00');
    assert.equal(movedPlace('in/', 'in/a.b/c', 'done/', 'f00'), 'in/done/a.b/c.f00');
  });

  it('has a name that file systems take, however long the file’s own is', () => {
    const name = 'ä'.repeat(125);
    const ended = [
      movedPlace('in/', `in/${name}.csv`, 'done/', 'f00f00f00f'),
      withEnding(`in/done/${name}.csv`, '.receipt.json'),
      withEnding(`in/done/${name}.csv`, '.rejects.csv'),
    ];
    for (const key of ended) {
      assert.ok(Buffer.byteLength(key.slice(key.lastIndexOf('/') + 1)) <= 255, key);
      assert.equal(key.isWellFormed(), true);
    }
    assert.equal(new Set(ended).size, 3);
    assert.ok(movedPlace('in/', `in/${'x/'.repeat(499)}y`, 'done/', null).length <= 1024);
  });

  it('is of this very version', () => {
    assert.notEqual(fileKey('storage', 'a', '1@b'), fileKey('storage', 'a', '2@b'));
    assert.notEqual(fileKey('storage', Buffer.from([0xff]), 'b'), fileKey('storage', '\ufffd', 'b'));
  });
});

describe('A marker', () => {
  it('is of a folder, or of one file', () => {
    assert.deepEqual(markedBy('_SUCCESS', '_SUCCESS'), { file: null });
    assert.equal(markedBy('_SUCCESS', 'a.csv'), null);
    assert.deepEqual(markedBy('{name}.ok', 'a.csv.ok'), { file: 'a.csv' });
    assert.equal(markedBy('{name}.ok', '.ok'), null);
    assert.equal(markedBy('ok{name}ok', 'ok'), null);
    assert.equal(markerOf('{name}.ok', 'in/a.csv'), 'in/a.csv.ok');
    assert.equal(markerOf('_SUCCESS', 'in/a.csv'), null);
  });
});

describe('The settings of an arrival', () => {
  const asked = { id: 'hires', prefix: 'landing/', pattern: '*.csv', table: 'jobs' };
  const faultsOf = (change: object) =>
    newArrivalSchema.safeParse({ ...asked, ...change }).error?.issues.map(({ path }) => path.join('.')) ?? [];

  it('have defaults', () => {
    const { everySeconds, stableSeconds, mode, after, marker, dialect } = newArrivalSchema.parse(asked);
    assert.deepEqual(
      [everySeconds, stableSeconds, mode, after, marker, dialect],
      [60, 5, 'append', 'move', null, null],
    );
  });

  for (const [change, at] of [
    [{ prefix: 'landing' }, 'prefix'],
    [{ prefix: '../' }, 'prefix'],
    [{ prefix: '/' }, 'prefix'],
    [{ prefix: 'backups/x/' }, 'prefix'],
    [{ prefix: '.unfinished/' }, 'prefix'],
    [{ pattern: '**x' }, 'pattern'],
    [{ table: null }, 'table'],
    [{ pattern: '{table}/*' }, 'table'],
    [{ everySeconds: 9 }, 'everySeconds'],
    [{ stableSeconds: -1 }, 'stableSeconds'],
    [{ marker: 'a/b' }, 'marker'],
    [{ marker: '{name}' }, 'marker'],
    [{ maxRejects: '101%' }, 'maxRejects'],
    [{ after: 'burn' }, 'after'],
    [{ dialect: { delimiter: ';', quote: "'" } }, 'dialect'],
    [{ dialect: { header: 'no' } }, 'dialect.header'],
    [{ dialect: ';' }, 'dialect'],
    [{ id: 'Hires' }, 'id'],
  ] as const) {
    it(`refuse ${JSON.stringify(change)}`, () => assert.deepEqual(faultsOf(change), [at]));
  }

  it('are changed by at least one member', () => {
    assert.equal(arrivalChangeSchema.safeParse({}).success, false);
    assert.deepEqual(arrivalChangeSchema.parse({ paused: true }), { paused: true });
  });
});

describe("S3's event notifications", () => {
  const place = { bucket: 'data', root: 'long shore/' };
  const event = (key: string, eventName = 'ObjectCreated:Put', bucket = 'data') => ({
    eventVersion: '2.1',
    eventName,
    s3: { bucket: { name: bucket, arn: 'a' }, object: { key, size: 5, eTag: 'e', sequencer: '0' } },
  });
  const keysOf = (...records: object[]) => createdKeys(s3EventsSchema.parse({ Records: records }), place);

  it('name keys as AWS encodes them', () => {
    assert.deepEqual(keysOf(event('long+shore/inbox/jobs/a+b%2B%C3%A4.csv')), ['inbox/jobs/a b+ä.csv']);
    assert.deepEqual(keysOf(event('long%20shore/x', 's3:ObjectCreated:CompleteMultipartUpload')), ['x']);
  });

  it('are left out where they are of other buckets, folders or kinds, or wrongly encoded', () => {
    assert.deepEqual(keysOf(event('long+shore/x', 'ObjectCreated:Put', 'other')), []);
    assert.deepEqual(keysOf(event('elsewhere/x')), []);
    assert.deepEqual(keysOf(event('long+shore/x', 'ObjectRemoved:Delete')), []);
    assert.deepEqual(keysOf(event('long+shore/%E0%A4%A')), []);
    assert.deepEqual(createdKeys(s3EventsSchema.parse({ Records: [event('x')] }), null), []);
    assert.deepEqual(createdKeys(s3EventsSchema.parse({ Event: 's3:TestEvent' }), place), []);
    assert.equal(s3EventsSchema.safeParse({ Records: [{}] }).success, false);
  });

  it('concern the arrivals with the longest prefix, and none where the file was moved by one', () => {
    const arrivals = [
      { id: 'a', prefix: 'inbox/' },
      { id: 'b', prefix: 'inbox/jobs/' },
      { id: 'c', prefix: 'inbox/jobs/' },
    ];
    assert.deepEqual(arrivalsOf(['inbox/jobs/x', 'inbox/done/jobs/x', 'other/x'], arrivals), ['b', 'c']);
    assert.deepEqual(arrivalsOf(['inbox/x/y', 'inbox/jobs/failed/z'], arrivals), ['a']);
  });

  it('find the bucket of the storage', () => {
    assert.deepEqual(bucketOf('s3://data/long%20shore/?region=x'), place);
    assert.deepEqual(bucketOf('s3://data?endpoint=http://127.0.0.1:1'), { bucket: 'data', root: '' });
    assert.equal(bucketOf('file:/data'), null);
  });
});
