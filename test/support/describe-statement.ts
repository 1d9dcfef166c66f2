import type { Client } from 'pg';

/** A column that a statement gives, as PostgreSQL says without running it. */
export interface DescribedColumn {
  readonly name: string;
  /** What the driver makes of it: `number`, `string` …; `null` where that is JSON. */
  readonly type: string | null;
}

/** By the OIDs of PostgreSQL's catalog (`pg_type.dat`), what `pg` gives for them. */
const TYPES: Readonly<Record<number, string>> = {
  16: 'boolean',
  17: 'Buffer',
  19: 'string',
  20: 'string',
  21: 'number',
  23: 'number',
  25: 'string',
  700: 'number',
  701: 'number',
  1009: 'string[]',
  1184: 'Date',
  2950: 'string',
};

/** The parts of `pg`'s connection that its types don't tell of. */
interface Wire {
  parse(query: { name: string; text: string }): void;
  describe(what: { type: 'S'; name: string }): void;
  close(what: { type: 'S'; name: string }): void;
  sync(): void;
  once(event: string, heard: (message: never) => void): void;
  removeAllListeners(event: string): void;
}

interface RowDescription {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
}

/** Parses a statement and has it described (PostgreSQL, "Message Flow", 54.2.3). @throws what PostgreSQL says against it */
export async function describeStatement(client: Client, text: string): Promise<readonly DescribedColumn[]> {
  const { connection: wire } = client as unknown as { readonly connection: Wire };
  const { promise, resolve, reject } = Promise.withResolvers<readonly DescribedColumn[]>();
  const name = 'described';
  let columns: readonly DescribedColumn[] = [];
  // A query of `pg`, so that the client minds nothing else and hands every message on.
  const query = {
    submit: () => {
      wire.parse({ name, text });
      wire.describe({ type: 'S', name });
      wire.close({ type: 'S', name });
      wire.sync();
      return null;
    },
    handleRowDescription: ({ fields }: RowDescription) => {
      columns = fields.map((field) => ({ name: field.name, type: TYPES[field.dataTypeID] ?? null }));
    },
    handleError: reject,
    handleReadyForQuery: () => resolve(columns),
  };
  client.query(query as never);
  return promise;
}
