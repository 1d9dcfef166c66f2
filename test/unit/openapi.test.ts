import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { forDictionary } from '../../api/docs/dictionary-schemas.ts';
import { startTestApi, table } from '../support/api-fakes.ts';

interface Schema {
  readonly $ref?: string;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly example?: unknown;
  readonly type?: unknown;
}

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >;
}

interface Document {
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

describe('the OpenAPI document', async () => {
  const api = await startTestApi();
  after(() => api[Symbol.asyncDispose]());
  const document = (await (await api.call('/openapi.json')).json()) as Document;
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  const json = (operation: Operation, status: string) =>
    operation.responses[status]?.content?.['application/json']?.schema;

  it('gives every operation a verb and an object as its name, each once', () => {
    const names = operations.map(({ operationId }) => operationId);
    assert.equal(new Set(names).size, names.length);
    const verb =
      /^(?:list|get|start|pause|resume|cancel|delete|summarize|insert|refresh|draw|create|change|trigger|unpause|preview|adopt|pin|unpin|download|compare|restore|verify|plan|apply|revoke|check|infer|lookUp|open|decode|search|put|notify|resume|retry|receive)[A-Z][A-Za-z0-9]*$/;
    for (const name of names) assert.match(name, verb);
    assert.equal(document.paths['/v1/loads']?.get?.operationId, 'listLoads');
    assert.equal(document.paths['/v1/loads/{id}']?.get?.operationId, 'getLoad');
  });

  it('declares the tags that it uses, and no other', () => {
    const used = new Set(operations.flatMap(({ tags }) => tags));
    assert.deepEqual(document.tags.map(({ name }) => name).sort(), [...used].sort());
    for (const { description } of document.tags) assert.ok(description.length > 5);
  });

  it('types rows by the dictionary', () => {
    const rows = document.paths['/v1/tables/{table}/rows']!;
    const shown = json(rows.get!, '200')!.properties!.rows!.items!;
    const names = shown.anyOf!.map(({ $ref = '' }) => $ref.split('/').at(-1)!);
    assert.ok(names.includes('Row_jobs'), names.join());
    assert.ok(names.length >= 1 && names.every((name) => name.startsWith('Row_')));
    const job = document.components.schemas.Row_jobs!;
    assert.deepEqual(job.required, ['id', 'job', '_load_id', '_line']);
    assert.equal(job.properties?.id?.type, 'integer');
    assert.equal(job.properties?.job?.type, 'string');
    const sent = rows.post!.requestBody!.content['application/json']!.schema.anyOf!;
    for (const items of [sent[0]!.items!, sent[1]!.properties!.rows!.items!]) {
      assert.ok(items.anyOf?.some(({ $ref }) => $ref === '#/components/schemas/NewRow_jobs'));
    }
    assert.equal(document.components.schemas.NewRow_jobs?.required, undefined);
  });

  it('names tables in its examples that there are, whatever the dictionary', () => {
    const name = '2nd table';
    const other = forDictionary(document, { name: 'x', version: '1', tables: [table(name)] } as never);
    const text = JSON.stringify(other);
    assert.doesNotMatch(text, /"example":"jobs/);
    assert.match(text, new RegExp(`"example":"${name}"`));
    for (const [, component = ''] of text.matchAll(/#\/components\/schemas\/([^"]*)/g)) {
      assert.match(component, /^[A-Za-z0-9._-]+$/);
      assert.ok(component in other.components.schemas, component);
    }
  });

  it('requires nothing of a request that has a default', () => {
    const created = document.components.schemas.NewSchedule!;
    assert.deepEqual(created.required, ['id', 'kind', 'cron']);
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      for (const [member, { default: value }] of Object.entries(schema.properties ?? {})) {
        assert.equal(value, undefined, `${name}.${member}`);
      }
    }
  });

  it('has headers that stay short, however long the address of the next page is', async () => {
    const sorts = Array.from({ length: 300 }, () => 'sort=department').join('&');
    for (const query of ['year=2021&limit=1', `year=2021&limit=1&${sorts}`]) {
      const answer = await api.call(`/v1/reports/hires-by-quarter?${query}`);
      assert.ok((answer.headers.get('link') ?? '').length < 8_192);
    }
  });
});
