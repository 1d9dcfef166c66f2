const LF = 10;
const CR = 13;

/** How many line ends (CRLF, LF or CR, each counts once) bytes [start, end) hold. The range must not split a CRLF. */
export function countLines(bytes: Buffer, start: number, end: number): number {
  const firstCr = bytes.indexOf(CR, start);
  return firstCr === -1 || firstCr >= end ? countLf(bytes, start, end) : countMixed(bytes, start, end);
}

function countMixed(bytes: Buffer, start: number, end: number): number {
  let lines = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    if (byte === LF || (byte === CR && bytes[i + 1] !== LF)) lines++;
  }
  return lines;
}

function countLf(bytes: Buffer, start: number, end: number): number {
  let lines = 0;
  for (let i = start; i < end; i++) {
    if (bytes[i] === LF) lines++;
  }
  return lines;
}
