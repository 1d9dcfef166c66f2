import { setImmediate } from 'node:timers/promises';
import { type DocsFiles, findDocsFiles, type PageFile } from './find-pages.ts';
import { type RenderedPage, renderMarkdown } from './render-markdown.ts';
import { linkResolver } from './resolve-link.ts';
import { type FoundSection, type SearchResult, sectionSearch } from './search-sections.ts';

export interface DocsPage extends PageFile, RenderedPage {}

/** The documentation of the checkout, rendered; kept as long as the process runs. */
export interface Docs {
  /** In the order in which `docs/README.md` links to them. */
  readonly pages: readonly DocsPage[];
  /** As `DocsFiles` has them. */
  readonly pictures: ReadonlyMap<string, string>;
  search(query: string): readonly SearchResult[];
}

/** Reads and renders every page, which takes some tenths of a second; other requests are answered in between. */
export async function openDocs(root?: string): Promise<Docs> {
  const files = await findDocsFiles(root);
  const rendered: DocsPage[] = [];
  for (const page of files.pages) {
    rendered.push({ ...page, ...renderMarkdown(page.markdown, linkResolver(files, page)) });
    await setImmediate();
  }
  const pages = inOrderOfIndex(rendered, files);
  const search = await sectionSearch(pages.flatMap(sectionsOfPage));
  return { pages, pictures: files.pictures, search };
}

/** Pages to which the index does not link stand after the others. */
function inOrderOfIndex(pages: readonly DocsPage[], files: DocsFiles): DocsPage[] {
  const index = files.pages[0]!;
  const linked = [index.address];
  renderMarkdown(index.markdown, (href) => {
    const target = linkResolver(files, index)(href);
    if (target.kind === 'address') linked.push(target.href.split('#', 1)[0]!);
    return target;
  });
  const place = ({ address, group }: DocsPage) => {
    const at = linked.indexOf(address);
    return (group === 'subject' ? 0 : 2 * linked.length) + (at === -1 ? linked.length : at);
  };
  return pages.toSorted((a, b) => place(a) - place(b));
}

function sectionsOfPage({ title: pageTitle, address, sections }: DocsPage): FoundSection[] {
  return sections.map((section) => ({
    ...section,
    pageTitle,
    address: section.anchor === '' ? address : `${address}#${section.anchor}`,
  }));
}
