/** The letters beyond ASCII that a language writes, lower and upper case. */
export interface Alphabet {
  readonly encoding: string;
  readonly letters: ReadonlySet<string>;
  /** The commonest of them, where a language writes no others beside; null: it writes most words in ASCII. */
  readonly frequent: ReadonlySet<string> | null;
  /** How far a text in it is believed; a union of languages fits more by chance. */
  readonly weight: number;
}

const LETTERS: readonly (readonly [encoding: string, letters: string, weight?: number])[] = [
  ['windows-1252', 'äöüß'],
  ['windows-1252', 'àâæçéèêëîïôœùûüÿ'],
  ['windows-1252', 'áéíñóúü'],
  ['windows-1252', 'ãáàâçéêíóôõúü'],
  ['windows-1252', 'àèéìíîòóùú'],
  ['windows-1252', 'åäöéü'],
  ['windows-1252', 'æøåéü'],
  ['windows-1252', 'áðéíóúýþæö'],
  ['windows-1252', 'äöüßàâæçéèêëîïôœùûáíñóúãõìòåøëï', 0.9],
  ['iso-8859-15', 'àâæçéèêëîïôœùûüÿ', 0.99],
  ['iso-8859-15', 'äöüßàâæçéèêëîïôœùûáíñóúãõìòåøëïšž', 0.89],
  ['windows-1250', 'ąćęłńóśźż'],
  ['windows-1250', 'áčďéěíňóřšťúůýž'],
  ['windows-1250', 'áäčďéíĺľňóôŕšťúýž'],
  ['windows-1250', 'áéíóöőúüű'],
  ['windows-1250', 'ăâîşţ'],
  ['windows-1250', 'čćđšž'],
  ['windows-1250', 'ąćęłńóśźżáčďéěíňřšťúůýžäöüßőűăâîşţđ', 0.85],
  ['windows-1251', 'абвгдеёжзийклмнопрстуфхцчшщъыьэюя'],
  ['windows-1251', 'абвгґдеєжзиіїйклмнопрстуфхцчшщьюя'],
  ['windows-1251', 'абвгдђежзијклљмнњопрстћуфхцчџшѓѕќў'],
  ['windows-1253', 'αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ'],
  ['windows-1254', 'çğıöşüâîû'],
  ['windows-1257', 'ąčęėįšųūž'],
  ['windows-1257', 'āčēģīķļņšūž'],
  ['windows-1257', 'äõöüšž'],
  ['windows-1255', 'אבגדהוזחטיךכלםמןנסעףפץצקרשת'],
  ['windows-1256', 'ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيپچژگ'],
  ['windows-1258', 'ăâđêôơưàảãáạ'],
  ['koi8-r', 'абвгдеёжзийклмнопрстуфхцчшщъыьэюя'],
  ['iso-8859-2', 'ąćęłńóśźż'],
  ['iso-8859-2', 'áčďéěíňóřšťúůýž'],
  ['iso-8859-2', 'áéíóöőúüű'],
  ['macintosh', 'äöüßàâçéèêëîïôùûáíñóú', 0.95],
  ['ibm866', 'абвгдеёжзийклмнопрстуфхцчшщъыьэюя'],
];

/** What half of a text is made of, by script. */
const FREQUENT = ['оеаинтсрвлкмд', 'αοιετσνηυρπκλάόίέή', 'יוהלאמרתבש', 'الينمورتبة'];

export const ALPHABETS: readonly Alphabet[] = LETTERS.map(([encoding, letters, weight = 1]) => ({
  encoding,
  weight,
  frequent: frequentOf(letters),
  letters: new Set([...letters, ...letters.toUpperCase(), ...(letters.includes('ı') ? ['İ'] : [])]),
}));

/** Encodings in the order in which they are preferred where a text is as good in several. */
export const ENCODINGS: readonly string[] = [...new Set(ALPHABETS.map(({ encoding }) => encoding))];

/** Signs that texts have beside letters, in any language. */
export const SIGNS: ReadonlySet<string> = new Set('€£¥§°²³µ·¹½¼¾×–—‘’‚“”„…•«»‹›®©™ªº¿¡№±\u00a0\u00ad');

function frequentOf(letters: string): ReadonlySet<string> | null {
  const found = FREQUENT.find((frequent) => letters.includes(frequent[0]!));
  return found === undefined ? null : new Set(found);
}
