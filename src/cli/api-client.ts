import type { LoadView } from '../loads/load-view.ts';
import type { RejectView } from '../rejects/rejects.ts';
import { CliError, EXIT } from './exit-codes.ts';
import { remedyFor } from './remedies.ts';
import type { Target } from './target.ts';

/** The part of the API's answer that the client reads; see `/openapi.json`. */
export interface LoadAnswer extends LoadView {
  readonly links: { readonly self: string; readonly temporal?: string };
}

export interface StartedLoad extends LoadAnswer {
  readonly existing: boolean;
  readonly rulesChanged?: boolean;
  readonly readOtherwise?: boolean;
}

export interface TableAnswer {
  readonly name: string;
  readonly rows: number;
  readonly rowsExact: boolean;
  readonly bytes: number;
  readonly lastLoadId: number | null;
  /** Absent: from an earlier version. */
  readonly broken?: { readonly message: string; readonly remedy: string } | null;
  readonly primaryKey: readonly string[];
}

export interface RejectsAnswer {
  readonly rejects: readonly RejectView[];
  readonly next: string | null;
}

/** An answer of any status. */
export interface Exchanged {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** RFC 9457 */
export interface Problem {
  readonly title?: string;
  readonly detail?: string;
  readonly code?: string;
  readonly remedy?: string;
  /** The faults of the request. */
  readonly errors?: readonly { readonly detail: string; readonly pointer?: string }[];
}

/** The platform could not be reached; retried while waiting for a load. */
export class UnreachableError extends CliError {}

/** Client of one platform's API. Failed calls throw a `CliError` that a person can read. */
export class ApiClient {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  async json<T>(path: string, init: RequestInit = {}): Promise<T> {
    const response = await this.send(path, init);
    return (await this.#reading(response.json())) as T;
  }

  /** The answer, when it is a good one; its body is still to be read. */
  async send(path: string, init: RequestInit = {}): Promise<Response> {
    const response = await this.#fetch(path, init);
    if (!response.ok) throw this.refusal(response.status, await response.text().catch(() => ''));
    return response;
  }

  /** The answer whatever its status, read whole. @throws UnreachableError */
  async exchange(path: string, init: RequestInit = {}): Promise<Exchanged> {
    const response = await this.#fetch(path, init);
    const text = await this.#reading(response.text());
    return { status: response.status, headers: response.headers, text };
  }

  #fetch(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    // fetch takes a byte a character: any text goes as its UTF-8 bytes.
    headers.set('x-api-key', Buffer.from(this.#target.key, 'utf8').toString('latin1'));
    return this.#reading(fetch(`${this.#target.url}${path}`, { ...init, headers }));
  }

  async #reading<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      throw new UnreachableError(
        EXIT.noAccess,
        `${this.#target.url} can not be reached: ${reasonOf(error)}`,
        {
          cause: error,
        },
      );
    }
  }

  /** The error of an unsuccessful answer, for a person. */
  refusal(status: number, text: string): CliError {
    const problem = readObject<Problem>(text);
    const exitCode = status === 401 || status === 403 ? EXIT.noAccess : EXIT.failed;
    if (problem.code === undefined) {
      return new CliError(exitCode, `${this.#target.url} answered ${status}, not as Longshore does`);
    }
    const places = (problem.errors ?? []).map(({ detail, pointer = '' }) => `${pointer} ${detail}`.trim());
    const lines = [
      `${problem.title} (${problem.code})`,
      problem.detail,
      ...places,
      remedyFor(problem.code, problem.remedy),
    ];
    return new CliError(exitCode, lines.filter((line) => line !== undefined).join('\n  '));
  }
}

/** A JSON object's members; none when the text is no such thing: a proxy's page, or another server at this address. */
export function readObject<T extends object>(text: string): Partial<T> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Partial<T>) : {};
  } catch {
    return {};
  }
}

/** fetch hides the reason (`ECONNREFUSED …`) one or two causes deep. */
function reasonOf(error: unknown): string {
  let reason = error;
  while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause;
  if (!(reason instanceof Error)) return String(reason);
  return reason.message || (reason as NodeJS.ErrnoException).code || reason.name;
}
