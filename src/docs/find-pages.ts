import { readdir, readFile, realpath } from 'node:fs/promises';
import { join, posix, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout that this process runs from. */
const SOURCE_ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Where the pages are served; `docs/README.md` is there itself. */
export const DOCS_ADDRESS = '/docs';
/** Below it, by their paths in `docs/`, the pictures of the pages. */
export const PICTURES_ADDRESS = '/docs/pictures';

const INDEX = 'docs/README.md';
/** Shown beside the pages of `docs/`, in this order; a checkout may lack one. */
const ROOT_FILES = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'];
/** Extensions of files that are shown as pictures. */
const PICTURE = /\.(?:svg|png|jpg|webp|gif)$/;

/** A Markdown file that is served as a page. */
export interface PageFile {
  /** Its path in the checkout, as links between the files have it: `docs/loads.md`. */
  readonly file: string;
  /** Its address: `/docs`, `/docs/loads`, or `/docs/project/changelog` of `CHANGELOG.md`. */
  readonly address: string;
  readonly group: 'subject' | 'project';
  readonly markdown: string;
}

/** Everything that the documentation serves: nothing else of the checkout has an address. */
export interface DocsFiles {
  /** `docs/README.md` first, the others by name, then those of the root. */
  readonly pages: readonly PageFile[];
  /** Absolute real paths of pictures by their paths in the checkout: `docs/images/load.svg`. */
  readonly pictures: ReadonlyMap<string, string>;
}

/** Reads the Markdown files. A link that leads out of `docs/` is no page, and neither is a file below a folder. */
export async function findDocsFiles(root = SOURCE_ROOT): Promise<DocsFiles> {
  const pages: PageFile[] = [];
  const pictures = new Map<string, string>();
  const names = await readdir(join(root, 'docs'), { recursive: true });
  const paths = names.map((name) => posix.join('docs', name.replaceAll(sep, '/'))).sort();
  for (const file of [INDEX, ...paths.filter((path) => path !== INDEX)]) {
    const path = await confined(root, 'docs', file);
    if (path === null) continue;
    if (PICTURE.test(file)) pictures.set(file, path);
    if (posix.dirname(file) === 'docs' && file.endsWith('.md')) {
      const address = file === INDEX ? DOCS_ADDRESS : `${DOCS_ADDRESS}/${posix.basename(file, '.md')}`;
      pages.push({ file, address, group: 'subject', markdown: await readFile(path, 'utf8') });
    }
  }
  for (const file of ROOT_FILES) {
    const path = await confined(root, '.', file);
    if (path === null) continue;
    const address = `${DOCS_ADDRESS}/project/${posix.basename(file, '.md').toLowerCase()}`;
    pages.push({ file, address, group: 'project', markdown: await readFile(path, 'utf8') });
  }
  return { pages, pictures };
}

/** The real path of a file, or null where there is none or it is not in the folder. */
async function confined(root: string, folder: string, file: string): Promise<string | null> {
  try {
    const [inside, path] = await Promise.all([realpath(join(root, folder)), realpath(join(root, file))]);
    return path.startsWith(inside + sep) ? path : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
