import { Readable } from 'node:stream';
import { create as contentDisposition } from 'content-disposition';
import type { StartedLoad } from './api-client.ts';
import { CliError, EXIT } from './exit-codes.ts';
import type { Input } from './open-input.ts';
import { describeUpload } from './progress.ts';
import { type ReadingOptions, readingOf } from './reading-options.ts';
import type { Session } from './session.ts';

export interface UploadOptions extends ReadingOptions {
  readonly table: string;
  readonly mode: string;
  readonly maxRejects?: string;
  readonly force?: boolean;
}

/** Sends a file as a new load of a table. @throws CliError `interrupted` at Ctrl-C: nothing was started */
export async function uploadFile(
  session: Session,
  file: Input,
  options: UploadOptions,
): Promise<StartedLoad> {
  const query = new URLSearchParams({ mode: options.mode });
  if (options.maxRejects !== undefined) query.set('maxRejects', options.maxRejects);
  if (options.force === true) query.set('force', 'true');
  for (const [member, value] of Object.entries(readingOf(options))) query.set(member, String(value));
  const progress = await session.progress(`send ${file.name}`);
  const startedAtMs = performance.now();
  let sent = 0;
  const counted = Readable.from(
    (async function* () {
      for await (const piece of file.pieces as AsyncIterable<Buffer>) {
        yield piece;
        sent += piece.length;
        progress.update(sent, file.bytes, describeUpload(sent, startedAtMs));
      }
    })(),
    { objectMode: false },
  );
  try {
    return await session.api.json<StartedLoad>(
      `/v1/tables/${encodeURIComponent(options.table)}/loads?${query}`,
      {
        method: 'POST',
        signal: session.signal,
        body: Readable.toWeb(counted) as ReadableStream,
        duplex: 'half',
        headers: {
          'content-type': 'text/csv',
          'content-disposition': contentDisposition(file.name),
          ...(file.bytes !== null && { 'content-length': String(file.bytes) }),
        },
      } as RequestInit,
    );
  } catch (error) {
    if (!session.signal.aborted) throw error;
    throw new CliError(
      EXIT.interrupted,
      `${file.name} was not sent whole: nothing was started, nothing was kept`,
    );
  } finally {
    progress.stop();
    file.pieces.destroy();
  }
}
