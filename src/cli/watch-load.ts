import { setTimeout as sleep } from 'node:timers/promises';
import { hasEnded } from '../ledger/load-view.ts';
import { type LoadAnswer, UnreachableError } from './api-client.ts';
import { CliError, EXIT } from './exit-codes.ts';
import { describeProgress, noProgress, startProgress } from './progress.ts';
import type { Session } from './session.ts';

const POLL_MS = 400;
/** How long the platform may be away, say for a restart, before waiting ends. The load itself goes on. */
const PATIENCE_MS = 60_000;

/**
 * Shows a load's progress until it has ended.
 * @throws CliError `interrupted` at Ctrl-C, saying how to go on: the load itself does
 */
export async function watchLoad(session: Session, first: LoadAnswer): Promise<LoadAnswer> {
  const progress = session.json ? noProgress : startProgress(`load ${first.id}`);
  let load = first;
  let seenAtMs = performance.now();
  try {
    while (!hasEnded(load)) {
      progress.update(load.progress.bytes, load.progress.bytesTotal, describeProgress(load));
      await sleep(POLL_MS, undefined, { signal: session.signal });
      try {
        load = await session.api.json<LoadAnswer>(first.links.self, { signal: session.signal });
        seenAtMs = performance.now();
      } catch (error) {
        if (!(error instanceof UnreachableError) || performance.now() - seenAtMs > PATIENCE_MS) throw error;
      }
    }
    progress.update(load.progress.bytes, load.progress.bytesTotal, describeProgress(load));
    return load;
  } catch (error) {
    if (!session.signal.aborted) throw error;
    throw new CliError(
      EXIT.interrupted,
      `load ${first.id} goes on; watch it with "longshore status ${first.id} --watch", ` +
        `or end it with "longshore cancel ${first.id}"`,
    );
  } finally {
    progress.stop();
  }
}
