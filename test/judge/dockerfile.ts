/** A stage of a Dockerfile, with what its steps need to be carried out by hand. */
export interface Stage {
  readonly base: string;
  readonly name: string | undefined;
  readonly steps: readonly Step[];
}

export type Step =
  | {
      readonly kind: 'copy';
      readonly from: string | undefined;
      readonly sources: readonly string[];
      readonly target: string;
    }
  | { readonly kind: 'run' | 'workdir' | 'user'; readonly text: string }
  | { readonly kind: 'env'; readonly values: Readonly<Record<string, string>> }
  | { readonly kind: 'cmd'; readonly command: readonly string[] };

/** Reads the instructions that ours has. @throws Error at any other one, which nobody would carry out */
export function parseDockerfile(text: string): readonly Stage[] {
  const stages: { base: string; name: string | undefined; steps: Step[] }[] = [];
  const lines = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll('\\\n', '')
    .split('\n');
  for (const line of lines) {
    const [word = '', ...rest] = line.trim().split(' ');
    const words = rest.filter((part) => part !== '');
    const argument = rest.join(' ').trim();
    if (word === '' || word === 'EXPOSE') continue;
    if (word === 'FROM') {
      stages.push({ base: words[0] ?? '', name: words[2], steps: [] });
      continue;
    }
    const step = stepOf(word, argument, words);
    if (step === null) throw new Error(`no one here knows how to ${word}: ${line}`);
    stages.at(-1)?.steps.push(step);
  }
  return stages;
}

function stepOf(word: string, text: string, words: readonly string[]): Step | null {
  switch (word) {
    case 'RUN':
    case 'WORKDIR':
    case 'USER':
      return { kind: word.toLowerCase() as 'run' | 'workdir' | 'user', text };
    case 'ENV':
      return {
        kind: 'env',
        values: Object.fromEntries(words.map((pair) => pair.split('=') as [string, string])),
      };
    case 'CMD':
      return { kind: 'cmd', command: JSON.parse(text) };
    case 'COPY': {
      const from = words.find((part) => part.startsWith('--from='))?.slice('--from='.length);
      const paths = words.filter((part) => !part.startsWith('--'));
      return { kind: 'copy', from, sources: paths.slice(0, -1), target: paths.at(-1) ?? '' };
    }
    default:
      return null;
  }
}
