/**
 * Writes CSV (RFC 4180): CRLF, and quotes where a cell needs them. Cells are written as they are: one that begins
 * with `=`, `+`, `-` or `@` is a formula to a spreadsheet, which the documentation warns of; changing it here would
 * break the cell for everyone who loads it again.
 */
export function csvLine(cells: readonly string[], delimiter = ','): string {
  return `${cells.map((cell) => csvCell(cell, delimiter)).join(delimiter)}\r\n`;
}

function csvCell(cell: string, delimiter: string): string {
  const plain =
    !cell.includes('"') && !cell.includes(delimiter) && !cell.includes('\n') && !cell.includes('\r');
  // A space at an edge is part of the cell, but some readers trim what is not quoted.
  if (plain && cell.trim() === cell) return cell;
  return `"${cell.replaceAll('"', '""')}"`;
}
