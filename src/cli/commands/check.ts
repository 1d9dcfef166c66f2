import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { FileVerdict } from '../../check/check-file.ts';
import { tableOfFile } from '../../check/choose-table.ts';
import type { CheckedText } from '../../dictionary/read-dictionary.ts';
import { type Dictionary, LOAD_MODES, type LoadMode, type Table } from '../../types.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import { type Input, openInput } from '../open-input.ts';
import { addReadingOptions, type ReadingOptions, readingOf } from '../reading-options.ts';
import type { GlobalOptions } from '../session.ts';
import { descriptorLines, fileLines } from '../show-check.ts';

interface CheckOptions extends GlobalOptions, ReadingOptions {
  readonly table?: string;
  readonly mode: LoadMode;
}

const DEFAULT_DESCRIPTOR = 'datapackage.json';

export function addCheckCommand(program: Command): void {
  const command = program
    .command('check')
    .description('check a dictionary, and files as a load would judge them; needs no platform')
    .argument(
      '[path...]',
      'the dictionary (*.json; else LONGSHORE_DICTIONARY or datapackage.json), then files',
    )
    .option('-t, --table <table>', 'the table of the files (else by their names)')
    .addOption(
      new Option('-m, --mode <mode>', 'judge the files as a load in this mode')
        .choices(LOAD_MODES)
        .default('append'),
    );
  addReadingOptions(command).action(async (paths: string[], _options: unknown, command: Command) => {
    const options = command.optsWithGlobals<CheckOptions>();
    options.context.exitCode = await check(paths, options);
  });
}

async function check(paths: readonly string[], options: CheckOptions): Promise<number> {
  const { context, json = false } = options;
  const descriptors = paths.filter((path) => path.toLowerCase().endsWith('.json'));
  const files = paths.filter((path) => !descriptors.includes(path));
  if (descriptors.length > 1) {
    throw new CliError(EXIT.usage, `expected one dictionary, received ${descriptors.join(', ')}`);
  }
  const path = descriptors[0] ?? defaultDescriptor(options);
  const write = (lines: readonly string[]) => {
    if (!json) for (const line of lines) context.stdout.write(`${line}\n`);
  };
  // The rules of rows take a while to load, which `--help` has no use for.
  const { checkDescriptorText } = await import('../../dictionary/read-dictionary.ts');
  const checked = checkDescriptorText(await readText(path, options));
  const chosen = checked.dictionary && chooseTables(files, checked.dictionary, options);
  write(descriptorLines(path, checked, files));
  const verdicts: FileVerdict[] = [];
  if (checked.dictionary && chosen) {
    for await (const verdict of checkFiles(chosen, checked.dictionary, options)) {
      verdicts.push(verdict);
      write(fileLines(verdict));
    }
  }
  if (json) context.stdout.write(`${JSON.stringify(documentOf(path, checked, verdicts))}\n`);
  return exitCodeOf(checked, verdicts);
}

function defaultDescriptor({ context }: CheckOptions): string {
  const given = context.env.LONGSHORE_DICTIONARY || DEFAULT_DESCRIPTOR;
  if (given !== DEFAULT_DESCRIPTOR || existsSync(context.resolve(given))) return given;
  throw new CliError(
    EXIT.usage,
    'there is no datapackage.json here: name the dictionary, or set LONGSHORE_DICTIONARY',
  );
}

async function readText(path: string, { context }: CheckOptions): Promise<string> {
  try {
    return await readFile(context.resolve(path), 'utf8');
  } catch (cause) {
    throw new CliError(EXIT.usage, `${path} can not be read: ${(cause as Error).message}`, { cause });
  }
}

interface ChosenFile {
  readonly file: string;
  readonly table: Table;
}

/** Each file with its table, those that others refer to first: so a dictionary orders its tables. */
function chooseTables(
  files: readonly string[],
  { tables }: Dictionary,
  { table: asked }: CheckOptions,
): ChosenFile[] {
  const names = tables.map(({ name }) => name);
  if (asked !== undefined && !names.includes(asked)) {
    throw new CliError(
      EXIT.usage,
      `the dictionary has no table ${asked}; its tables are ${names.join(', ')}`,
    );
  }
  const chosen = files.map((file) => ({ file, table: asked ?? tableNamedAs(file, names) }));
  return tables.flatMap((table) =>
    chosen.filter((one) => one.table === table.name).map(({ file }) => ({ file, table })),
  );
}

function tableNamedAs(file: string, names: readonly string[]): string {
  const found = file === '-' ? undefined : tableOfFile(file, names);
  if (found !== undefined) return found;
  const what = file === '-' ? 'standard input has no name' : `no table is named as ${file}`;
  throw new CliError(EXIT.usage, `${what}: name its table by --table, one of ${names.join(', ')}`);
}

async function* checkFiles(
  files: readonly ChosenFile[],
  { tables }: Dictionary,
  options: CheckOptions,
): AsyncGenerator<FileVerdict> {
  const { context, mode } = options;
  if (files.length === 0) return;
  const [{ checkFile }, { KeyChecks }, { parseReadAs, readTableAs }] = await Promise.all([
    import('../../check/check-file.ts'),
    import('../../check/key-checks.ts'),
    import('../../dictionary/read-as.ts'),
  ]);
  const interrupted = new AbortController();
  context.onInterrupt(() => interrupted.abort());
  using keys = new KeyChecks();
  const given = new Set(files.map(({ table }) => table.name));
  for (const { file, table } of files) {
    if (mode === 'merge' && table.primaryKey.length === 0) {
      throw new CliError(EXIT.failed, `${file}: ${table.name} has no primary key, which a merge needs`);
    }
    const readAs = usable(() => parseReadAs(table, readingOf(options)));
    const input = await openInput(file, 'standard input', context);
    try {
      yield await checkFile(readableTwice(file, input), {
        ...{ table: readTableAs(table, readAs), readAs, mode, keys, tables, given },
        signal: interrupted.signal,
      });
    } catch (error) {
      if (!interrupted.signal.aborted) throw error;
      throw new CliError(EXIT.interrupted, `${file} was not checked whole`);
    } finally {
      input.pieces.destroy();
    }
  }
}

function usable<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new CliError(EXIT.usage, (cause as Error).message, { cause });
  }
}

/** A pipe has a path, too, and can be read once only. */
function readableTwice(name: string, { path, bytes, pieces }: Input) {
  return { name, path: bytes === null ? null : path, pieces: pieces as AsyncIterable<Uint8Array> };
}

function documentOf(
  path: string,
  { dictionary, faults, warnings }: CheckedText,
  files: readonly FileVerdict[],
) {
  const tables = dictionary?.tables.map(({ name }) => name) ?? [];
  return { dictionary: path, valid: dictionary !== null, tables, faults, warnings, files };
}

function exitCodeOf({ dictionary }: CheckedText, verdicts: readonly FileVerdict[]): number {
  if (dictionary === null || verdicts.some(({ error }) => error !== null)) return EXIT.failed;
  return verdicts.some(({ rows }) => rows.rejected > 0) ? EXIT.rejects : EXIT.ok;
}
