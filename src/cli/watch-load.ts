import type { LoadAnswer } from './api-client.ts';
import { describeProgress } from './progress.ts';
import type { Session } from './session.ts';
import { watch } from './watch.ts';

/**
 * Shows a load's progress until it has ended.
 * @throws CliError `interrupted` at Ctrl-C, saying how to go on: the load itself does
 */
export function watchLoad(session: Session, first: LoadAnswer): Promise<LoadAnswer> {
  return watch<LoadAnswer>(session, first, {
    label: `load ${first.id}`,
    self: first.links.self,
    show: (progress, load) =>
      progress.update(load.progress.bytes, load.progress.bytesTotal, describeProgress(load)),
    afterwards: `watch it with "longshore status ${first.id} --watch", or end it with "longshore cancel ${first.id}"`,
  });
}
