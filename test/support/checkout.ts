import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './home.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What a checkout has that commands need. */
const PARTS = ['package.json', 'node_modules', 'src', 'api', 'activities', 'workflows', 'migrations'];

/** A folder that looks like a clone whose packages are installed; whoever makes it removes it. */
export function makeCheckout(): string {
  const folder = temporaryFolder();
  for (const part of PARTS) symlinkSync(join(ROOT, part), join(folder, part));
  return folder;
}
