import { type ErrorCode, type ErrorPlace, LongshoreError } from '../../src/errors.ts';

/** An error that needs more in its answer than the catalog gives: headers, or extension members (RFC 9457, 3.2). */
export class HttpError extends LongshoreError {
  readonly headers: Readonly<Record<string, string>>;
  readonly members: Readonly<Record<string, unknown>>;
  /** Members whose values are JSON text already, which goes out as it is. */
  readonly json: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    message: string,
    extra: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly members?: Readonly<Record<string, unknown>>;
      readonly json?: Readonly<Record<string, string>>;
      readonly places?: readonly ErrorPlace[];
    },
  ) {
    super(code, message, { places: extra.places });
    this.headers = extra.headers ?? {};
    this.members = extra.members ?? {};
    this.json = extra.json ?? {};
  }
}
