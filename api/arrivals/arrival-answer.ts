import { z } from 'zod';
import {
  ARRIVAL_SOURCES,
  type ArrivalFileView,
  type ArrivalView,
  FILE_STATES,
} from '../../src/arrivals/arrival.ts';
import { arrivalIdSchema, settingsMembers } from '../../src/arrivals/settings.ts';
import { count, instant, jobErrorSchema, path } from '../http/schemas.ts';

const arrivalView = z.object({
  id: arrivalIdSchema,
  ...settingsMembers,
  files: z.object({ waiting: count, loading: count }).meta({ description: 'Those that have not ended' }),
  lookedAt: instant.nullable().meta({ description: 'The end of the last look' }),
  lookError: jobErrorSchema.nullable().meta({
    description: 'Why the last look failed; the next one tries again. null: it succeeded',
  }),
  createdBy: z.string(),
  createdAt: instant,
  changedAt: instant,
});
arrivalView satisfies z.ZodType<ArrivalView>;

export const arrivalSchema = arrivalView
  .extend({ links: z.object({ self: path, files: path, notify: path, pause: path, resume: path }) })
  .meta({ id: 'Arrival' });
export type ArrivalAnswer = z.infer<typeof arrivalSchema>;

export const fileStateSchema = z.enum(FILE_STATES).meta({
  description:
    'waiting: it is seen, and not yet stable or its turn has not come; loading; done: its rows are in the table; ' +
    'failed: its load failed or was cancelled; skipped: it is not loaded, as `error` says',
});

const fileView = z.object({
  id: z.int().min(1),
  arrival: z.string(),
  source: z.enum(ARRIVAL_SOURCES),
  path: z.string().meta({ description: 'From the root of the source' }),
  version: z.string().meta({ description: 'Another one after every change: an ETag, or a time' }),
  bytes: count,
  modifiedAt: instant.nullable(),
  table: z.string().nullable(),
  state: fileStateSchema,
  loadId: z.int().min(1).nullable(),
  tries: count,
  error: jobErrorSchema.nullable(),
  movedTo: z.string().nullable().meta({ description: 'null: it is where it was, or was deleted' }),
  receipt: z.string().nullable().meta({ description: 'Key of the receipt in the source' }),
  seenAt: instant,
  startedAt: instant.nullable(),
  endedAt: instant.nullable(),
});
fileView satisfies z.ZodType<ArrivalFileView>;

export const arrivalFileSchema = fileView
  .extend({ links: z.object({ retry: path, load: path.optional(), rejects: path.optional() }) })
  .meta({ id: 'ArrivalFile' });
export type ArrivalFileAnswer = z.infer<typeof arrivalFileSchema>;

export function arrivalPath(id: string): string {
  return `/v1/arrivals/${id}`;
}

export function arrivalAnswer(view: ArrivalView): ArrivalAnswer {
  const self = arrivalPath(view.id);
  const links = {
    files: `${self}/files`,
    notify: `${self}/notify`,
    pause: `${self}/pause`,
    resume: `${self}/resume`,
  };
  return { ...(view as ArrivalAnswer), links: { self, ...links } };
}

export function fileAnswer(view: ArrivalFileView): ArrivalFileAnswer {
  const load = view.loadId === null ? null : `/v1/loads/${view.loadId}`;
  return {
    ...(view as ArrivalFileAnswer),
    links: {
      retry: `${arrivalPath(view.arrival)}/files/${view.id}/retry`,
      ...(load !== null && { load, rejects: `${load}/rejects` }),
    },
  };
}
