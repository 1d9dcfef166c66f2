import type { Docs } from '../../src/docs/docs.ts';

/** The documentation, which is read at the first request for it, so that the API's start does not wait for it. */
export interface DocsSource {
  open(): Promise<Docs>;
}

export function docsSource(): DocsSource {
  let opened: Promise<Docs> | undefined;
  return {
    open() {
      opened ??= import('../../src/docs/docs.ts').then(({ openDocs }) => openDocs());
      // A failure is retried with the next request.
      opened.catch(() => {
        opened = undefined;
      });
      return opened;
    },
  };
}
