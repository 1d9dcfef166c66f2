import type { FieldReading } from './field-reading.ts';

/**
 * Takes away what Table Schema v2 lets stand around and inside a number: white space, with `bareNumber: false`
 * any leading and trailing text (`€ 95 %`), and `groupChar`; `decimalChar` becomes a point.
 * Gives null where the point could be misread: a `.` in a field whose decimal character is another.
 */
export function numberStripper(field: FieldReading): (cell: string) => string | null {
  const { bareNumber = true, groupChar, decimalChar = '.' } = field;
  if (bareNumber && !groupChar && decimalChar === '.') return (cell) => cell.trim();
  return (cell) => {
    let text = cell.trim();
    if (!bareNumber && !/^[+-]?(?:nan|inf(?:inity)?)$/i.test(text)) text = digitsOnly(text, decimalChar);
    if (groupChar) text = text.replaceAll(groupChar, '');
    if (decimalChar === '.') return text;
    return text.includes('.') ? null : text.replace(decimalChar, '.');
  };
}

/** From the first sign or digit (or decimal character before a digit) to the last digit. */
function digitsOnly(text: string, decimalChar: string): string {
  let end = text.length;
  while (end > 0 && !isDigit(text.charCodeAt(end - 1))) end--;
  let start = 0;
  while (start < end && !isDigit(text.charCodeAt(start)) && text[start] !== '-') {
    if (text.startsWith(decimalChar, start) && isDigit(text.charCodeAt(start + decimalChar.length))) break;
    start++;
  }
  return text.slice(start, end);
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
