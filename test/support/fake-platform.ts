/** A supervisor process with real servers and fake children: what start.ts does, less the product. */
import { fileURLToPath } from 'node:url';
import { readConfig } from '../../src/config.ts';
import { Platform } from '../../src/platform/platform.ts';

const fake = fileURLToPath(new URL('./fake-service.ts', import.meta.url));
const log = { info: console.log, warn: console.log };
const platform = new Platform({ config: readConfig(), log, scripts: { api: fake, worker: fake } });
const asked = new Promise<void>((resolve) => {
  process.once('SIGTERM', () => resolve());
  process.once('disconnect', () => resolve());
});
try {
  await Promise.race([platform.start(), asked]);
  await asked;
} catch (error) {
  console.log(String(error));
  process.exitCode = 1;
}
await platform.stop();
process.exit();
