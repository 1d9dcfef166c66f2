import { type ErrorPlace, LongshoreError } from '../errors.ts';
import { meant } from '../schema-words.ts';

/** How many faults the message itself names; all of them are in `places`. */
const NAMED = 5;

export type JsonObject = Readonly<Record<string, unknown>>;

/** What was found at one place of a descriptor. */
export interface Finding {
  /** A JSON pointer in a URI fragment (RFC 6901, section 6). */
  readonly pointer: string;
  /** A sentence without a full stop. */
  readonly detail: string;
}

interface Findings {
  readonly faults: Finding[];
  readonly warnings: Finding[];
}

/** A place in the descriptor. Collects what is found there, so that one answer can name all of it. */
export class Place {
  readonly #found: Findings;
  readonly pointer: string;

  constructor(found: Findings = { faults: [], warnings: [] }, pointer = '#') {
    this.#found = found;
    this.pointer = pointer;
  }

  /** The place of a property or an element. */
  at(key: string | number): Place {
    return new Place(this.#found, pointerAt(this.pointer, key));
  }

  /** @param detail a sentence without a full stop */
  fault(detail: string): void {
    this.#found.faults.push({ pointer: this.pointer, detail });
  }

  /** Something that is ignored although it may have been meant. @param detail a sentence without a full stop */
  warn(detail: string): void {
    this.#found.warnings.push({ pointer: this.pointer, detail });
  }

  /** How many faults were collected so far, here and elsewhere. */
  get faults(): number {
    return this.#found.faults.length;
  }

  get isFaultless(): boolean {
    return this.faults === 0;
  }

  /** Everything collected so far, here and elsewhere. */
  get found(): { readonly faults: readonly Finding[]; readonly warnings: readonly Finding[] } {
    return this.#found;
  }
}

/** Appends a property or an element to a JSON pointer in a URI fragment. */
export function pointerAt(pointer: string, key: string | number): string {
  const token = String(key).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1');
  return `${pointer}/${encodeURIComponent(token)}`;
}

/** All faults of a dictionary as one error. */
export function dictionaryInvalid(faults: readonly ErrorPlace[]): LongshoreError {
  const named = faults.slice(0, NAMED).map(({ pointer, detail }) => `${pointer}: ${detail}`);
  const rest = faults.length - named.length;
  const message = rest > 0 ? `${named.join('; ')}; and ${rest} more` : named.join('; ');
  return new LongshoreError('dictionary-invalid', message, { places: faults });
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

/** The end of a fault about a value that is none of a few words; empty where none of them is near. */
export function meantBy(value: unknown, known: readonly string[]): string {
  return typeof value === 'string' ? meant(value, known) : '';
}

/** A value as a message names it: JSON, shortened. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
