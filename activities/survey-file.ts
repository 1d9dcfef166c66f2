import { Context } from '@temporalio/activity';
import { HEAD_BYTES } from '../src/csv/file-kind.ts';
import { Surveyor, surveyOptionsOf } from '../src/csv/survey.ts';
import { statement } from '../src/db/statement.ts';
import { inEncoding } from '../src/dictionary/read-as.ts';
import { LongshoreError } from '../src/errors.ts';
import { LoadEntity } from '../src/ledger/load-entities.ts';
import {
  type LoadPlan,
  type LoadStep,
  MISREAD,
  readLoadPlan,
  setLoadStatus,
  surveyColumns,
} from '../src/loads/loads.ts';
import { type StoredText, type StoreFile, storeStored } from '../src/loads/store-file.ts';
import { MAX_EXPANSION } from '../src/max-expansion.ts';
import { stampOf } from '../src/storage/stamp.ts';
import { noSuchFile } from '../src/storage/storage.ts';
import { isWrapped } from '../src/wrappings/plain-text.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';

const SAME_FILE = statement<{ id: number }>`
  select id from longshore.load l
   where table_name = $1 and mode = $2 and sha256 = $3 and id <> $4 and status = 'done' and not ${MISREAD}
     and (mode = 'append' or id = (select max(id) from longshore.load
                                    where table_name = $1 and status = 'done'))`;

/** Surveys a file that is in the storage already, in one streaming pass, and keeps the survey in the ledger. */
export function surveyFile({ db, storage, maxExpansion = MAX_EXPANSION }: ActivityDeps) {
  return async (step: LoadStep): Promise<void> => {
    const { loadId } = step;
    const plan = await readLoadPlan(db, step);
    if (plan.chunks) return;
    await setLoadStatus(db, step, 'surveying');
    let bytes = 0;
    const text = await whileBeating(
      () => ({ bytes }),
      (signal) => {
        const watch = async function* (pieces: AsyncIterable<Buffer>) {
          for await (const piece of pieces) {
            signal.throwIfAborted();
            bytes += piece.length;
            yield piece;
          }
        };
        return readText(plan, watch, { storage, maxExpansion });
      },
    );
    try {
      await keepSurvey({ db, storage }, plan, text);
    } catch (error) {
      // Nobody knows the text that was stored, unless the answer alone was lost: then chunks may be read from it.
      if (text.key !== null && error instanceof LongshoreError) await storage.delete(text.key);
      throw error;
    }
    const { bytes: length, chunks } = text.survey;
    Context.current().log.info('surveyed', { loadId, bytes: length, chunks: chunks.length });
  };
}

/** @throws LongshoreError `file-changed`, `already-loaded`: then nothing is kept */
async function keepSurvey(
  { db, storage }: Pick<ActivityDeps, 'db' | 'storage'>,
  plan: LoadPlan,
  { key: plainKey, survey, wrappings, textEncoding }: SurveyedText,
): Promise<void> {
  const { id, uid, mode, sourceKey, sourceStamp, forced } = plan;
  const stamp = await stampOf(storage, sourceKey);
  if (sourceStamp !== null && stamp !== sourceStamp) {
    throw new LongshoreError('file-changed', `${sourceKey} changed since the load was asked for`);
  }
  const definition = inEncoding(plan.table, textEncoding);
  await db.transaction(async ({ em, query }) => {
    if (!forced) {
      const { name, dialect, encoding } = definition;
      const same = await query(SAME_FILE, [
        ...[name, mode, survey.sha256, id],
        ...[JSON.stringify(dialect), encoding],
      ]);
      if (same.length > 0) {
        throw new LongshoreError('already-loaded', `the same content was loaded by load ${same[0]!.id}`);
      }
    }
    const load = await em.findOneOrFail(LoadEntity, { id, uid });
    em.assign(load, { ...surveyColumns(survey), plainKey, wrappings, definition });
  });
}

/** The key is null where the text is the file itself. */
type SurveyedText = Omit<StoredText, 'key'> & { readonly key: string | null };

/** Surveys a file of text where it lies; the text of a wrapped one is stored beside, as no chunk can be read from it. */
async function readText(
  { sourceKey: key, table }: LoadPlan,
  watch: (pieces: AsyncIterable<Buffer>) => AsyncIterable<Buffer>,
  options: Pick<StoreFile, 'storage' | 'maxExpansion'>,
): Promise<SurveyedText> {
  const { storage } = options;
  const head = await storage.read(key, 0, HEAD_BYTES);
  if (isWrapped(head, table.encoding)) {
    const stat = await storage.stat(key);
    if (stat === null) throw noSuchFile(key);
    return storeStored({ key, head, bytes: stat.bytes }, watch, { ...options, table });
  }
  const surveyor = new Surveyor(surveyOptionsOf(table));
  for await (const piece of watch(await storage.stream(key))) surveyor.push(piece);
  return { key: null, survey: surveyor.end(), wrappings: null, textEncoding: null };
}
