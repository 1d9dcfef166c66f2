import type { Logger } from 'pino';

/** How often at most a line is written of one kind. */
const EVERY_MS = 10_000;
/** What is remembered of who and what, at most: the others are counted together. */
const MOST_SOURCES = 16;

/** Where an event came from: short values. */
export type Source = Readonly<Record<string, string | null>>;

export interface Occurrence {
  readonly level: 'info' | 'warn' | 'error';
  /** Events of one kind share a line. Never made of what a client may choose: there are as many as the code has. */
  readonly kind: string;
  readonly message: string;
  /** Of this very event: written with the first of its kind only. */
  readonly fields: object;
  /** What all events of this kind have in common. */
  readonly common?: object;
  readonly source: Source;
}

/**
 * The log of what anyone can provoke without a key. A stranger must not fill a disk with it, nor make an operator miss
 * that it happens: the first event of a kind is written at once and in full, those of the next ten seconds as one line
 * with their number and where they came from, and so on until ten seconds pass without any.
 */
export interface CoalescedLog extends Disposable {
  write(occurrence: Occurrence): void;
}

interface Span {
  readonly first: Occurrence;
  readonly sources: Map<string, { readonly source: Source; count: number }>;
  readonly timer: NodeJS.Timeout;
  count: number;
}

export function createCoalescedLog(log: Logger, everyMs = EVERY_MS): CoalescedLog {
  const spans = new Map<string, Span>();

  function tell(kind: string, { first, sources, count, timer }: Span): void {
    clearTimeout(timer);
    spans.delete(kind);
    if (count === 0) return;
    const told = [...sources.values()].map((one) => ({ ...one.source, count: one.count }));
    const fromOthers = count - told.reduce((sum, one) => sum + one.count, 0);
    log[first.level](
      { ...first.common, count, sources: told, ...(fromOthers > 0 && { fromOthers }) },
      `${first.message}: ${count} more within ${everyMs / 1000} s`,
    );
    begin(first);
  }

  function begin(first: Occurrence): void {
    const { kind } = first;
    const timer = setTimeout(() => tell(kind, spans.get(kind)!), everyMs).unref();
    // What the first one alone holds (an error with its stack) is written, and need not stay.
    spans.set(kind, { first: { ...first, fields: {} }, sources: new Map(), timer, count: 0 });
  }

  return {
    write(occurrence) {
      const span = spans.get(occurrence.kind);
      if (span === undefined) {
        const { level, common, fields, source, message } = occurrence;
        log[level]({ ...fields, ...common, ...source }, message);
        begin(occurrence);
        return;
      }
      span.count += 1;
      const name = JSON.stringify(occurrence.source);
      const known = span.sources.get(name);
      if (known !== undefined) known.count += 1;
      else if (span.sources.size < MOST_SOURCES)
        span.sources.set(name, { source: occurrence.source, count: 1 });
    },
    [Symbol.dispose]() {
      for (const [kind, span] of spans) {
        tell(kind, span);
        clearTimeout(spans.get(kind)?.timer);
        spans.delete(kind);
      }
    },
  };
}
