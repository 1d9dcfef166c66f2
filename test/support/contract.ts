import assert from 'node:assert/strict';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';

// The package is CommonJS with a default export of its own.
const addFormats = addFormatsModule as unknown as typeof addFormatsModule.default;

interface Described {
  readonly headers?: Readonly<Record<string, { readonly required?: boolean } | { readonly $ref: string }>>;
  readonly content?: Readonly<Record<string, object>>;
}

interface Operation {
  readonly security?: readonly object[];
  readonly responses: Readonly<Record<string, Described>>;
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly headers?: Readonly<Record<string, { readonly required?: boolean }>> };
}

/** Holds answers to what the OpenAPI document says of them, and knows which of them it has seen. */
export class Contract {
  readonly #document: OpenApi;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #validators = new Map<string, ValidateFunction>();
  /** `GET /v1/loads 200` … */
  readonly seen = new Set<string>();

  constructor(document: OpenApi) {
    this.#document = document;
    addFormats(this.#ajv);
    this.#ajv.addSchema(document, 'openapi');
  }

  /** `GET /v1/loads`, and whether it needs a key. */
  operations(): { readonly name: string; readonly open: boolean }[] {
    return Object.entries(this.#document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { security }]) => ({
        name: `${method.toUpperCase()} ${path}`,
        open: security?.length === 0,
      })),
    );
  }

  /** @throws AssertionError where status, headers, content type or body are not as described */
  async check(method: string, path: string, response: Response): Promise<string> {
    const template = this.#template(method, path);
    const name = `${method} ${template} ${response.status}`;
    const text = await response.text();
    const described = this.#document.paths[template]![method.toLowerCase()]!.responses[response.status];
    assert.ok(described, `${name} is not described: ${text}`);
    this.#checkHeaders(name, described, response);
    this.#checkBody(name, { template, method, status: response.status }, described, response, text);
    this.seen.add(name);
    return text;
  }

  #template(method: string, path: string): string {
    const { pathname } = new URL(path, 'http://api');
    const templates = Object.keys(this.#document.paths).filter((template) =>
      new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(pathname),
    );
    // A literal segment goes before a parameter.
    const found = templates.sort((a, b) => a.split('{').length - b.split('{').length)[0];
    assert.ok(found && this.#document.paths[found]?.[method.toLowerCase()], `${method} ${path} is described`);
    return found;
  }

  #checkHeaders(name: string, described: Described, response: Response): void {
    for (const [header, entry] of Object.entries(described.headers ?? {})) {
      const own =
        '$ref' in entry ? this.#document.components?.headers?.[entry.$ref.split('/').at(-1)!] : entry;
      if (own?.required === true) assert.ok(response.headers.has(header), `${name} has the header ${header}`);
    }
    assert.ok(response.headers.has('x-request-id'), `${name} names its request`);
  }

  #checkBody(
    name: string,
    at: { readonly template: string; readonly method: string; readonly status: number },
    described: Described,
    response: Response,
    text: string,
  ): void {
    if (described.content === undefined) {
      assert.equal(text, '', `${name} has no body`);
      return;
    }
    const type = response.headers.get('content-type')?.split(';')[0] ?? '';
    assert.ok(type in described.content, `${name} is described as ${type}`);
    if (!/json$/.test(type)) return;
    const validate = this.#validator([
      'paths',
      at.template,
      at.method.toLowerCase(),
      'responses',
      `${at.status}`,
      'content',
      type,
      'schema',
    ]);
    const errors = validate(JSON.parse(text)) ? [] : (validate.errors ?? []);
    assert.deepEqual(
      errors.map(({ instancePath, message, params }) => ({ instancePath, message, params })),
      [],
      `${name}: ${text.slice(0, 2000)}`,
    );
  }

  #validator(place: readonly string[]): ValidateFunction {
    const pointer = place.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/');
    const $ref = `openapi#/${encodeURI(pointer)}`;
    const validator = this.#validators.get($ref) ?? this.#ajv.compile({ $ref });
    this.#validators.set($ref, validator);
    return validator;
  }
}
