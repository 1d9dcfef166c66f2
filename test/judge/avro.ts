import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { CODECS, type Codec } from '../../src/avro/codec.ts';
import { decodeAvro } from '../../src/avro/decode.ts';
import { encodeAvro } from '../../src/avro/encode.ts';
import { avroSchemaOf } from '../../src/avro/schema.ts';
import { tuplesOf } from '../../src/db/copy-binary.ts';
import { LongshoreError } from '../../src/errors.ts';
import { drain, piecesOf } from '../support/copy-tuples.ts';
import { stopOwnServers } from '../support/servers.ts';
import { judgeReaders } from './avro-readers.ts';
import { avroTools } from './avro-tools.ts';
import { type AvroCase, avroCases } from './cases-avro.ts';
import type { Scores } from './main.ts';
import { judgePython, run } from './python.ts';

const script = fileURLToPath(new URL('read_avro.py', import.meta.url));

type Tools = Awaited<ReturnType<typeof avroTools>>;

/** A file that is judged, and the files that come of it; all paths without their endings. */
interface Judged {
  readonly avroCase: AvroCase;
  readonly codec: Codec;
  readonly path: string;
}

/**
 * fastavro and Apache's Avro tools as the judges of backups: both read files made of what a real PostgreSQL sent, and
 * must find PostgreSQL's own text of every value and the schema; and what both write by that schema must come back as
 * the bytes that PostgreSQL had sent. What else people read Avro with has its say in `avro-readers.ts`.
 */
export async function judgeAvro(scores: Scores): Promise<void> {
  const python = await judgePython();
  const tools = await avroTools();
  const folder = await mkdtemp(join(tmpdir(), 'longshore-avro-'));
  try {
    const judged: Judged[] = [];
    for (const [no, avroCase] of (await avroCases()).entries()) {
      const ofCase = CODECS.map((codec) => ({ avroCase, codec, path: join(folder, `${no}-${codec}`) }));
      await Promise.all(ofCase.map((one) => makeFiles(one, tools)));
      judged.push(...ofCase);
    }
    const reports: string[][] = JSON.parse(await run(python, [script], JSON.stringify(judged.map(jobOf))));
    for (const [no, one] of judged.entries()) {
      const faults = [...reports[no]!, ...(await ownFaults(one))];
      const name = `${one.avroCase.name} (${one.codec})`;
      if (faults.length === 0) scores.pass(name);
      else scores.fail(name, faults);
    }
    const files = judged.map(({ path, ...one }) => ({
      ...one,
      file: `${path}.avro`,
      expected: `${path}.expected`,
    }));
    await judgeReaders(python, files, scores);
  } finally {
    await stopOwnServers();
    await rm(folder, { recursive: true, force: true });
  }
}

async function makeFiles({ avroCase, codec, path }: Judged, tools: Tools): Promise<void> {
  const { table, copy, expected } = avroCase;
  const { bytes } = await drain(
    encodeAvro(tuplesOf(piecesOf(copy)), { table, codec, metadata: { case: avroCase.name } }),
  );
  await writeFile(`${path}.avro`, bytes);
  await writeFile(`${path}.avsc`, JSON.stringify(avroSchemaOf(table)));
  await writeFile(`${path}.expected`, expected.map((row) => `${JSON.stringify(row)}\n`).join(''));
  await tools(['tojson', `${path}.avro`], `${path}.json`);
  await tools(['getschema', `${path}.avro`], `${path}.found.avsc`);
  const again = ['fromjson', '--schema-file', `${path}.avsc`, '--codec', codec, `${path}.json`];
  await tools(again, `${path}.apache.avro`);
}

function jobOf({ avroCase, path }: Judged) {
  return {
    file: `${path}.avro`,
    schema: avroSchemaOf(avroCase.table),
    expected: `${path}.expected`,
    tojson: `${path}.json`,
    rewritten: `${path}.fastavro.avro`,
  };
}

/** What Apache's tools say of the schema, and what our decoder makes of the files that the judges wrote. */
async function ownFaults({ avroCase, path }: Judged): Promise<string[]> {
  const { table, copy } = avroCase;
  const faults: string[] = [];
  const schema: unknown = JSON.parse(await readFile(`${path}.found.avsc`, 'utf8'));
  if (!isDeepStrictEqual(schema, JSON.parse(JSON.stringify(avroSchemaOf(table))))) {
    faults.push(`avro-tools: the schema is ${JSON.stringify(schema)}`);
  }
  for (const writer of ['fastavro', 'apache']) {
    try {
      const file: AsyncIterable<Buffer> = createReadStream(`${path}.${writer}.avro`);
      const { bytes } = await drain(decodeAvro(file, { table }));
      if (!bytes.equals(copy)) faults.push(`a file by ${writer} does not come back as PostgreSQL's bytes`);
    } catch (error) {
      if (!(error instanceof LongshoreError)) throw error;
      faults.push(`a file by ${writer} is refused: ${error.message}`);
    }
  }
  return faults;
}
