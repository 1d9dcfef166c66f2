import { open } from 'node:fs/promises';

/** A kind of file, as a function of the row's number and of a random number from 0 to 1. */
export interface Shape {
  readonly name: string;
  readonly header: string;
  /** Node's name; each character is one that it has. */
  readonly encoding: 'utf8' | 'latin1';
  row(index: number, random: () => number): string;
}

const CITIES = ['Berlin', 'Lyon', 'São Paulo', 'Zürich', 'Łódź', 'Porto'];
const STATES = ['open', 'paid', 'shipped', 'returned'];
const GERMAN = new Intl.NumberFormat('de-DE', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const DAY_MS = 86_400_000;

/** Three that are hard in ways of their own: many cells a byte; quotes with line breaks; another country's numbers. */
export const SHAPES: readonly Shape[] = [
  {
    name: 'orders: numbers, dates, short texts',
    header: 'order_id,customer_id,ordered_at,city,state,quantity,price,discount,is_gift\n',
    encoding: 'utf8',
    row(index, random) {
      const at = new Date(1_700_000_000_000 + index * 1000).toISOString();
      const discount = random() < 0.3 ? '' : (random() / 2).toFixed(3);
      return `${index + 1},${Math.floor(random() * 50_000)},${at},${CITIES[index % 6]},${STATES[Math.floor(random() * 4)]},${1 + Math.floor(random() * 20)},${(random() * 500).toFixed(2)},${discount},${random() < 0.5 ? 'Y' : 'N'}\n`;
    },
  },
  {
    name: 'tickets: quoted texts with delimiters and line breaks',
    header: '"id","opened","subject","body","score"\n',
    encoding: 'utf8',
    row(index, random) {
      const opened = new Date(1_600_000_000_000 + Math.floor(random() * 2000) * DAY_MS)
        .toISOString()
        .slice(0, 10);
      const body = 'It says ""no"", again; and then,\nnothing at all. '.repeat(1 + Math.floor(random() * 4));
      return `"${index + 1}","${opened}","Ticket, number ${index % 997}","${body}","${Math.floor(random() * 100)}"\n`;
    },
  },
  {
    name: 'ledger: semicolons, windows-1252, 1.234,56, DD.MM.YYYY',
    header: 'Beleg;Buchung;Konto;Betrag;Text;Bemerkung\r\n',
    encoding: 'latin1',
    row(index, random) {
      const [year, month, day] = new Date(1_600_000_000_000 + Math.floor(random() * 2000) * DAY_MS)
        .toISOString()
        .slice(0, 10)
        .split('-');
      const amount = GERMAN.format((random() - 0.4) * 20_000);
      return `R-${String(index + 1).padStart(8, '0')};${day}.${month}.${year};${String(Math.floor(random() * 9000)).padStart(6, '0')};${amount};Überweisung Nr. ${index % 613};${random() < 0.2 ? 'NULL' : 'geprüft'}\r\n`;
    },
  },
];

const BLOCK_CHARS = 1 << 20;

/** Writes a file of at least so many bytes, the same each time. */
export async function writeShape(path: string, shape: Shape, bytes: number): Promise<void> {
  let state = 14;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  await using file = await open(path, 'w');
  let [written, index, block] = [0, 0, shape.header];
  while (written < bytes) {
    while (block.length < BLOCK_CHARS) block += shape.row(index++, random);
    written += (await file.write(Buffer.from(block, shape.encoding))).bytesWritten;
    block = '';
  }
}
