/** What says how a file is written, as people type it: options of a command, parameters of an address. */

/** @returns the character; null: the text is none that can separate cells */
export function readDelimiter(text: string): string | null {
  const character = text === 'tab' || text === '\\t' ? '\t' : text;
  return /^[\t !-~]$/.test(character) && !/["'\dA-Za-z]/.test(character) ? character : null;
}

export const DELIMITER_EXPECTED = 'expected one ASCII character that is no letter, digit or quote, or "tab"';

/** @returns the character, or `none`; null: the text is none that can quote or escape cells, or begin comments */
export function readQuote(text: string): string | null {
  if (text === '') return 'none';
  return text === 'none' || /^[!-/:-@[-`{-~]$/.test(text) ? text : null;
}

export const QUOTE_EXPECTED = 'expected one ASCII character that is no letter or digit, or "none"';

/** @returns the encoding's usual name; null: there is none of this one */
export function readEncoding(text: string): string | null {
  try {
    return new TextDecoder(text).encoding;
  } catch {
    return null;
  }
}

export const ENCODING_EXPECTED = 'expected the name of an encoding, as utf-8 or windows-1252';
