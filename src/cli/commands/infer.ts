import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Inferred } from '../../infer/infer.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import { addInferOptions, type InferCommandOptions } from '../infer-options.ts';
import type { GlobalOptions } from '../session.ts';

interface InferOptions extends GlobalOptions, InferCommandOptions {
  readonly out?: string;
}

export function addInferCommand(program: Command): void {
  addInferOptions(
    program
      .command('infer')
      .description(
        'find out what CSV files hold, from every row: encoding, dialect, types, rules, keys, and write the dictionary ' +
          'of it; needs no platform. "-" is standard input',
      )
      .argument('<file...>', 'the files'),
  )
    .option('-o, --out <file>', 'write the dictionary (a Data Package) into this file')
    .action(async (files: string[], _options: unknown, command: Command) => {
      await inferFiles(files, command.optsWithGlobals<InferOptions>());
    });
}

async function inferFiles(files: readonly string[], options: InferOptions): Promise<void> {
  const { context } = options;
  const [{ inferWithProgress }, { openInferInputs }, { noProgress, startProgress }, { describeInferred }] =
    await Promise.all([
      import('../infer-with-progress.ts'),
      import('../infer-inputs.ts'),
      import('../progress.ts'),
      import('../show-infer.ts'),
    ]);
  const interrupted = new AbortController();
  context.onInterrupt(() => interrupted.abort());
  await using inputs = await openInferInputs(files, context);
  const progress = options.json ? noProgress : await startProgress('read', context.stderr);
  const inferred = await inferWithProgress(inputs, options, progress, interrupted.signal);
  if (options.out !== undefined) await writeDictionary(inferred, options.out, context.resolve);
  context.stdout.write(`${options.json ? JSON.stringify(inferred) : describeInferred(inferred)}\n`);
  if (options.json || options.out === undefined) return;
  context.stderr.write(`the dictionary is in ${options.out}\n`);
}

async function writeDictionary(
  { descriptor }: Inferred,
  out: string,
  resolve: (path: string) => string,
): Promise<void> {
  try {
    await writeFile(resolve(out), `${JSON.stringify(descriptor, null, 2)}\n`);
  } catch (cause) {
    throw new CliError(EXIT.usage, `${out} can not be written: ${(cause as Error).message}`, { cause });
  }
}
