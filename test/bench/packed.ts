import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import { benchPlatform } from './bench-platform.ts';

const ROWS = 1_000_000;
const ROUNDS = 3;

/** `npm run bench -- packed [rounds]`: the same file as it is and packed, uploaded and in the inbox, side by side. */
export async function benchPacked([rounds]: readonly string[]): Promise<void> {
  await using bench = await benchPlatform();
  const plain = await bench.writeHires('plain.csv', { seed: 1, hires: ROWS, badShare: 0.03 });
  const packers = { gzip: () => createGzip({ level: 6 }), zstd: createZstdCompress };
  const files: Record<string, string> = { plain };
  for (const [name, packer] of Object.entries(packers)) {
    files[name] = `${plain}.${name}`;
    await pipeline(createReadStream(plain), packer(), createWriteStream(files[name]));
  }
  const mebibytes = async (file: string) => ((await stat(file)).size / 1024 / 1024).toFixed(1);
  for (const [name, file] of Object.entries(files)) console.log(`${name}: ${await mebibytes(file)} MiB`);

  const times = new Map<string, number[]>();
  for (let round = 1; round <= Number(rounds ?? ROUNDS); round++) {
    for (const way of ['load', 'loadInbox'] as const) {
      for (const [name, file] of Object.entries(files)) {
        await bench.db.query('truncate hired_employees');
        await bench.db.query('checkpoint');
        const { ms, view } = await bench[way](file, { force: 'true' });
        if (view.rows.read !== ROWS) throw new Error(`wrong counts: ${JSON.stringify(view.rows)}`);
        const key = `${way === 'load' ? 'uploaded' : 'from the inbox'}, ${name}`;
        times.set(key, [...(times.get(key) ?? []), ms]);
        console.log(`  ${key}: ${(ms / 1000).toFixed(2)} s`);
      }
    }
  }
  const median = (key: string) => {
    const sorted = [...times.get(key)!].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)]!;
  };
  console.log('\nas long as the plain file (medians)');
  for (const way of ['uploaded', 'from the inbox']) {
    for (const name of Object.keys(packers)) {
      console.log(
        `  ${way}, ${name}: ${(median(`${way}, ${name}`) / median(`${way}, plain`)).toFixed(2)} times`,
      );
    }
  }
}
