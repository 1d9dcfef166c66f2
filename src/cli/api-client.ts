import type { LoadView, RejectView } from '../ledger/load-view.ts';
import { CliError, EXIT } from './exit-codes.ts';
import type { Target } from './target.ts';

/** What the API answers, as far as the client reads it; see `/openapi.json`. */
export interface LoadAnswer extends LoadView {
  readonly links: { readonly self: string; readonly temporal?: string };
}

export interface StartedLoad extends LoadAnswer {
  readonly existing: boolean;
}

export interface TableAnswer {
  readonly name: string;
  readonly rows: number;
  readonly rowsExact: boolean;
  readonly bytes: number;
  readonly lastLoadId: number | null;
  readonly primaryKey: readonly string[];
}

export interface RejectsAnswer {
  readonly rejects: readonly RejectView[];
  readonly next: string | null;
}

interface Problem {
  readonly title?: string;
  readonly detail?: string;
  readonly code?: string;
  readonly remedy?: string;
}

/** The platform could not be reached. While a load is waited for, it is worth another try. */
export class UnreachableError extends CliError {}

/** Speaks to one platform. Every call ends in a `CliError` that a person can read. */
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
    const headers = new Headers(init.headers);
    // fetch takes a byte a character: any text goes as its UTF-8 bytes.
    headers.set('x-api-key', Buffer.from(this.#target.key, 'utf8').toString('latin1'));
    const response = await this.#reading(fetch(`${this.#target.url}${path}`, { ...init, headers }));
    if (!response.ok) throw await this.#refusal(response);
    return response;
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

  async #refusal(response: Response): Promise<CliError> {
    const text = await response.text().catch(() => '');
    let problem: Problem = {};
    try {
      problem = JSON.parse(text) as Problem;
    } catch {
      // Not ours: a proxy's page, or another server at this address.
    }
    const exitCode = response.status === 401 || response.status === 403 ? EXIT.noAccess : EXIT.failed;
    if (problem.code === undefined) {
      return new CliError(exitCode, `${this.#target.url} answered ${response.status}, not as Longshore does`);
    }
    const lines = [`${problem.title} (${problem.code})`, problem.detail, problem.remedy];
    return new CliError(exitCode, lines.filter((line) => line !== undefined).join('\n  '));
  }
}

/** fetch hides the reason (`ECONNREFUSED …`) one or two causes deep. */
function reasonOf(error: unknown): string {
  let reason = error;
  while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause;
  if (!(reason instanceof Error)) return String(reason);
  return reason.message || (reason as NodeJS.ErrnoException).code || reason.name;
}
