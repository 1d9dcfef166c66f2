/** What the name of a packed file ends in. */
const PACKED = /\.(?:gz|gzip|zst|zstd|bz2|xz|zip)$/i;
/** What the name of a file of rows ends in. */
const ROWS = /\.(?:csv|tsv|psv|tab|txt|dat|text)$/i;

/** `orders.csv` of `orders.csv.gz` */
export function unpackedName(name: string): string {
  return name.replace(PACKED, '');
}

/** `orders` of `orders.csv.gz` */
export function withoutEndings(name: string): string {
  let stem = name;
  while (PACKED.test(stem) || ROWS.test(stem)) stem = unpackedName(stem).replace(ROWS, '');
  return stem;
}
