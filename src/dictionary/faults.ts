import { type ErrorPlace, LongshoreError } from '../errors.ts';

/** How many faults the message itself names; all of them are in `places`. */
const NAMED = 5;

export type JsonObject = Readonly<Record<string, unknown>>;

/** A place in the descriptor. Collects the faults there, so that one answer can name all of them. */
export class Place {
  readonly #faults: ErrorPlace[];
  readonly pointer: string;

  constructor(faults: ErrorPlace[] = [], pointer = '#') {
    this.#faults = faults;
    this.pointer = pointer;
  }

  /** The place of a property or an element, as a JSON pointer in a URI fragment (RFC 6901, section 6). */
  at(key: string | number): Place {
    const token = String(key).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1');
    return new Place(this.#faults, `${this.pointer}/${encodeURIComponent(token)}`);
  }

  /** @param detail a sentence without a full stop */
  fault(detail: string): void {
    this.#faults.push({ pointer: this.pointer, detail });
  }

  /** How many faults were collected so far, here and elsewhere. */
  get faults(): number {
    return this.#faults.length;
  }

  get isFaultless(): boolean {
    return this.faults === 0;
  }

  /** Every fault collected so far, as one error. */
  error(): LongshoreError {
    const named = this.#faults.slice(0, NAMED).map(({ pointer, detail }) => `${pointer}: ${detail}`);
    const rest = this.#faults.length - named.length;
    const message = rest > 0 ? `${named.join('; ')}; and ${rest} more` : named.join('; ');
    return new LongshoreError('dictionary-invalid', message, { places: this.#faults });
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What PostgreSQL and JSON can keep: no NUL character, no half of a surrogate pair. */
export function isText(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed();
}

/** The value when it is a string, or undefined when it is absent; anything else is a fault. */
export function optionalString(value: unknown, place: Place): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  place.fault(`expected a string, received ${describe(value)}`);
  return undefined;
}

export function optionalBoolean(value: unknown, place: Place): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  place.fault(`expected true or false, received ${describe(value)}`);
  return undefined;
}

/** A list of strings, each once; undefined (after a fault) when it is anything else. */
export function stringList(value: unknown, place: Place): string[] | undefined {
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    place.fault(`expected a list of strings, received ${describe(value)}`);
    return undefined;
  }
  const twice = value.find((item, index) => value.indexOf(item) !== index);
  if (twice !== undefined) place.fault(`"${twice}" is listed twice`);
  return value;
}

/** A value as a message names it: JSON, shortened. */
export function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
