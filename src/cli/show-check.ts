import type { FileVerdict } from '../check/check-file.ts';
import type { CheckedText, PlacedFinding } from '../dictionary/read-dictionary.ts';
import { formatCount, plain } from './format.ts';

/** Every fault and warning on a line of its own, `file:line:column: what: detail (pointer)`, then what there is. */
export function descriptorLines(
  path: string,
  { dictionary, faults, warnings }: CheckedText,
  files: readonly string[],
): string[] {
  const lines = [
    ...warnings.map((one) => findingLine(path, 'warning', one)),
    ...faults.map((one) => findingLine(path, 'fault', one)),
  ];
  if (dictionary === null) {
    const rest = files.length > 0 ? `; not checked: ${files.map(plain).join(', ')}` : '';
    return [...lines, `${plain(path)}: ${counted(faults.length, 'fault')}${rest}`];
  }
  const { tables } = dictionary;
  const count = warnings.length === 0 ? '' : `, ${counted(warnings.length, 'warning')}`;
  return [...lines, `${plain(path)}: valid, ${counted(tables.length, 'table')}${count}`];
}

function findingLine(path: string, what: string, { pointer, detail, line, column }: PlacedFinding): string {
  const place = line === undefined ? '' : `:${line}:${column}`;
  return plain(`${path}${place}: ${what}: ${detail} (${pointer})`);
}

/** What a load of the file would say. */
export function fileLines({
  file,
  table,
  mode,
  error,
  rows,
  rejects,
  hint,
  notChecked,
}: FileVerdict): string[] {
  const counts = `${counted(rows.read, 'row')}, ${formatCount(rows.good)} good, ${formatCount(rows.rejected)} rejected`;
  const rules = rejects.flatMap(({ code, field, count, examples }) => [
    plain(`  ${code}${field === null ? '' : ` in ${field}`}: ${formatCount(count)}`),
    ...examples.map(({ line, message }) => plain(`    line ${line}: ${message}`)),
  ]);
  const refused =
    error === null
      ? []
      : [
          plain(`  a load would fail: ${error.code}: ${error.message}`),
          ...error.details.map((one) => plain(`    ${one}`)),
        ];
  return [
    plain(`${file}: ${table} (${mode})${rows.read === 0 ? '' : `: ${counts}`}`),
    ...refused,
    ...rules,
    ...(hint === null ? [] : [plain(`  ${hint}`)]),
    ...notChecked.map((what) => plain(`  not checked: ${what}`)),
  ];
}

function counted(count: number, what: string): string {
  return `${formatCount(count)} ${what}${count === 1 ? '' : 's'}`;
}
