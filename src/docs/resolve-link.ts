import { posix } from 'node:path';
import { type DocsFiles, type PageFile, PICTURES_ADDRESS } from './find-pages.ts';
import type { Target } from './render-markdown.ts';

/** Where a link of a page leads when the page is served: links between the files are those that GitHub follows. */
export function linkResolver({ pages, pictures }: DocsFiles, from: PageFile): (href: string) => Target {
  return (href) => {
    if (href.startsWith('#') || href.startsWith('/')) return { kind: 'address', href, elsewhere: false };
    if (URL.canParse(href)) return { kind: 'address', href, elsewhere: true };
    const [given = '', fragment] = href.split('#', 2);
    const file = posix.join(posix.dirname(from.file), decodeURI(given));
    const hash = fragment === undefined ? '' : `#${fragment}`;
    const index = posix.join(file, 'README.md');
    const page = pages.find((other) => other.file === file || other.file === index);
    if (page !== undefined) return { kind: 'address', href: page.address + hash, elsewhere: false };
    if (!pictures.has(file)) return { kind: 'source', path: file };
    return {
      kind: 'address',
      href: PICTURES_ADDRESS + encodeURI(file.slice('docs'.length)),
      elsewhere: false,
    };
  };
}
