import { pipeline } from 'node:stream/promises';
import { create as contentDisposition } from 'content-disposition';
import { z } from 'zod';
import { MANIFEST } from '../../src/backups/backup.ts';
import type { BackupFile } from '../../src/backups/backup-service.ts';
import { rangeOf } from '../http/byte-range.ts';
import { isKnown } from '../http/etag.ts';
import { type Call, defineRoute } from '../http/route.ts';
import { findBackup } from './backup-answer.ts';

const params = z.strictObject({
  id: z.string().max(64).meta({ description: "A backup's ID", example: '20261121T112233Z-3f9a2c' }),
  name: z.string().max(255).meta({ description: "manifest.json, or a part's name", example: MANIFEST }),
});
const headers = z.object({
  ETag: z.string().meta({ description: "The file's SHA-256" }),
  'Accept-Ranges': z.string(),
});
const bytes = z.string().meta({ override: { type: 'string', format: 'binary' } });
const content = {
  'application/avro': { schema: bytes },
  'application/json': { schema: z.object({}).catchall(z.unknown()) },
  'application/octet-stream': { schema: bytes },
};

type FileCall = Pick<Call<string, z.output<typeof params>, unknown>, 'req' | 'res'>;

export const backupFileRoute = defineRoute({
  method: 'get',
  path: '/v1/backups/{id}/files/{name}',
  tag: 'Backups',
  summary: 'Download a file of a backup',
  description:
    'As it is stored: an encrypted part stays encrypted (application/octet-stream). One range of bytes may be asked for.',
  scopes: ['read'],
  params,
  headers: z.object({
    Range: z.string().optional().meta({ example: 'bytes=0-1023' }),
    'If-Range': z.string().optional().meta({ description: 'The ETag that the range is wanted of' }),
    'If-None-Match': z.string().optional(),
  }),
  responses: {
    '200': { description: 'The file', headers, content },
    '206': { description: 'The range', headers, content },
    '304': { description: 'The file is the one that If-None-Match names', headers },
    '416': { description: 'The file has no byte of the range', headers },
  },
  problems: ['unknown-backup', 'backup-state', 'backup-damaged', 'not-found', 'storage-unavailable'],
  async handle(call) {
    const { id } = await findBackup(call);
    await sendFile(call, await call.deps.backups.file(id, call.params.name));
  },
});

/** RFC 9110: 8.8.3 (ETag), 13.1 (conditions), 14 (ranges). */
async function sendFile({ req, res }: FileCall, file: BackupFile): Promise<void> {
  const etag = `"${file.sha256}"`;
  // A file of a backup never changes, but may be read only with an API key.
  res.set({ ETag: etag, 'Accept-Ranges': 'bytes', 'Cache-Control': 'private, no-cache' });
  if (isKnown(req.get('if-none-match'), etag)) {
    res.status(304).end();
    return;
  }
  const ifRange = req.get('if-range');
  const wanted = ifRange === undefined || ifRange === etag ? req.get('range') : undefined;
  const range = rangeOf(wanted, file.bytes);
  if (range === 'unsatisfiable') {
    res.status(416).set('Content-Range', `bytes */${file.bytes}`).end();
    return;
  }
  const { startByte, endByte } = range ?? { startByte: 0, endByte: file.bytes };
  if (range !== null) {
    res.status(206).set('Content-Range', `bytes ${startByte}-${endByte - 1}/${file.bytes}`);
  }
  res.set({
    'Content-Type': typeOf(file.name),
    'Content-Length': String(endByte - startByte),
    'Content-Disposition': contentDisposition(file.name),
  });
  if (req.method === 'HEAD') {
    res.end();
    return;
  }
  await pipeline(await file.open(startByte, endByte), res);
}

function typeOf(name: string): string {
  if (name === MANIFEST) return 'application/json';
  return name.endsWith('.avro') ? 'application/avro' : 'application/octet-stream';
}
