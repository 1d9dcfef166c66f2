import MiniSearch from 'minisearch';
import { shorten } from '../shorten.ts';
import type { Section } from './render-markdown.ts';

/** A section with its page, the unit of a search. */
export interface FoundSection extends Section {
  readonly pageTitle: string;
  /** Of the section: `/docs/loads#modes`. */
  readonly address: string;
}

export interface SearchResult {
  readonly pageTitle: string;
  readonly title: string;
  readonly address: string;
  /** Some words around the first that matched; `hit` marks those that did. */
  readonly excerpt: readonly Piece[];
}

export interface Piece {
  readonly text: string;
  readonly hit: boolean;
}

/** More is no help to a reader. */
const MOST_RESULTS = 20;
/** Words of a query that are looked for. Each costs a walk through the index. */
const MOST_TERMS = 8;
const EXCERPT_LENGTH = 180;
/** How much of it stands before the first word that matched. */
const EXCERPT_BEFORE = 30;
/** From this length on a word matches also with a typing error. */
const FUZZY_LENGTH = 5;
/** A row's title is short and would come before every heading otherwise. */
const ROW_BOOST = 0.5;
/** Words beside their inflections; a query for `rejected` is also one for `reject`. */
const ENDINGS = ['ing', 'ed', 's'];

/** Searches sections: all words of the query where some have them all, any of them otherwise. */
export async function sectionSearch(
  sections: readonly FoundSection[],
): Promise<(query: string) => SearchResult[]> {
  const index = new MiniSearch<FoundSection & { id: number }>({
    fields: ['title', 'pageTitle', 'text', 'code'],
    processTerm: stem,
  });
  // A few at a time, with other requests in between.
  await index.addAllAsync(sections.map((section, id) => ({ ...section, id })));
  const options = {
    boost: { title: 4, pageTitle: 2, code: 0.3 },
    boostDocument: (id: number) => (sections[id]!.level === null ? ROW_BOOST : 1),
    // A single letter begins most words: it would cost milliseconds and find nothing.
    prefix: (term: string) => term.length > 1,
    fuzzy: (term: string) => (term.length >= FUZZY_LENGTH ? 1 : false),
  };
  return (query) => {
    const terms = query.split(/[^\p{L}\p{N}]+/u).filter((term) => term !== '');
    const words = terms.slice(0, MOST_TERMS).join(' ');
    const all = index.search(words, { ...options, combineWith: 'AND' });
    const found = all.length > 0 ? all : index.search(words, { ...options, combineWith: 'OR' });
    return found.slice(0, MOST_RESULTS).map(({ id, terms: matched }) => {
      const { pageTitle, title, address, text, code } = sections[id as number]!;
      return { pageTitle, title, address, excerpt: excerptOf([text, code], matched) };
    });
  };
}

function stem(term: string): string {
  const word = term.toLowerCase();
  const ending = ENDINGS.find((end) => word.endsWith(end) && word.length - end.length >= 4);
  return ending === undefined ? word : word.slice(0, -ending.length);
}

/** From the first of the texts that has a term. */
function excerptOf(texts: readonly string[], terms: readonly string[]): Piece[] {
  const lines = texts.map((text) => text.replaceAll(/\s/g, ' ').trim());
  const text =
    lines.find((line) => firstHit(line, terms, 0) !== null) ?? lines.find((line) => line !== '') ?? '';
  const first = firstHit(text, terms, 0)?.start ?? 0;
  const wordStart = text.lastIndexOf(' ', Math.max(0, first - EXCERPT_BEFORE)) + 1;
  const shown = (wordStart > 0 ? '… ' : '') + shorten(text.slice(wordStart).toWellFormed(), EXCERPT_LENGTH);
  const pieces: Piece[] = [];
  for (let from = 0; from < shown.length; ) {
    const hit = firstHit(shown, terms, from);
    if (hit === null || hit.start > from) {
      pieces.push({ text: shown.slice(from, hit?.start), hit: false });
    }
    if (hit === null) break;
    pieces.push({ text: shown.slice(hit.start, hit.end), hit: true });
    from = hit.end;
  }
  return pieces;
}

/** The first word from `from` on that begins with a term, whole. */
function firstHit(text: string, terms: readonly string[], from: number) {
  const words = /[\p{L}\p{N}]+/gu;
  words.lastIndex = from;
  for (let match = words.exec(text); match !== null; match = words.exec(text)) {
    const word = match[0].toLowerCase();
    if (terms.some((term) => word.startsWith(term))) {
      return { start: match.index, end: match.index + word.length };
    }
  }
  return null;
}
