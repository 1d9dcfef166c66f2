/**
 * Names of Avro are `[A-Za-z_][A-Za-z0-9_]*` (Avro 1.12, "Names"); those of a dictionary may be anything. A character
 * that Avro does not allow becomes `_x<its code point, hex>_`, as does an underscore before an x, so that every name
 * has an Avro name of its own and comes back from it: "unit price" is `unit_x20_price`.
 */
export function avroName(name: string): string {
  return name.replace(/^[0-9]|[^A-Za-z0-9_]|_(?=x)/gu, (found) => `_x${found.codePointAt(0)!.toString(16)}_`);
}

/** The name that `avroName` was given. */
export function nameOfAvro(name: string): string {
  return name.replace(/_x([0-9a-f]{1,6})_/g, (found, hex: string) => {
    const code = Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : found;
  });
}
