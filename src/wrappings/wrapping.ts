/** Formats in which a file of text arrives packed. */
export type Wrapping = 'gzip' | 'zstd' | 'bzip2' | 'xz' | 'zip';

/** Bytes at the beginning that tell the wrapping. */
export const WRAPPING_BYTES = 14;

/**
 * The formats' own magic numbers: RFC 1952 (gzip), RFC 8878 (zstd, whose first frame may be one to skip), the xz file
 * format 1.2.1, bzip2 0.42, and PKWARE's APPNOTE 4.3 (zip).
 */
const MAGIC: readonly (readonly [wrapping: Wrapping, isBeginOf: (head: Buffer) => boolean])[] = [
  ['gzip', (head) => head.readUInt16BE(0) === 0x1f8b && head[2] === 8],
  ['zstd', (head) => [0xfd2fb528, 0x184d2a50].includes(head.readUInt32LE(0))],
  ['xz', (head) => head.readUIntBE(0, 6) === 0xfd377a585a00],
  ['bzip2', isBzip2],
  ['zip', (head) => [0x04034b50, 0x06054b50].includes(head.readUInt32LE(0))],
];

const BLOCK = 0x314159265359;
const END_OF_BLOCKS = 0x177245385090;

function isBzip2(head: Buffer): boolean {
  const level = head[3]!;
  return (
    head.toString('latin1', 0, 3) === 'BZh' &&
    level >= 0x31 &&
    level <= 0x39 &&
    [BLOCK, END_OF_BLOCKS].includes(head.readUIntBE(4, 6))
  );
}

/** What a file is packed by, as its first bytes say; null: by nothing that is unpacked here. */
export function wrappingOf(head: Buffer): Wrapping | null {
  const bytes = Buffer.alloc(WRAPPING_BYTES);
  head.copy(bytes);
  return MAGIC.find(([, isBeginOf]) => isBeginOf(bytes))?.[0] ?? null;
}
