import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url)).slice(0, -1);

interface Configuration {
  readonly name: string;
  readonly request: 'launch' | 'attach';
  readonly runtimeExecutable?: string;
  readonly program?: string;
  readonly cwd?: string;
  readonly args?: string | readonly string[];
}

interface Launch {
  readonly configurations: readonly Configuration[];
  readonly inputs: readonly { readonly id: string; readonly default: string }[];
}

const read = (path: string) => readFileSync(`${ROOT}/${path}`, 'utf8');
const launch = JSON.parse(read('.vscode/launch.json')) as Launch;
const launched = launch.configurations.filter(({ request }) => request === 'launch');

/** As VS Code fills variables in; `${file}` is this test. */
function filled(text: string): string {
  const values: Record<string, string> = { workspaceFolder: ROOT, file: fileURLToPath(import.meta.url) };
  for (const { id, default: value } of launch.inputs) values[`input:${id}`] = value;
  return text.replaceAll(/\$\{([\w:]+)\}/g, (variable, name) => values[name] ?? variable);
}

const argsOf = ({ args = [] }: Configuration) => (typeof args === 'string' ? [args] : args).map(filled);

describe("VS Code's launch configurations", () => {
  it('are there for what is debugged', () => {
    const names = launch.configurations.map(({ name }) => name.split(':')[0]);
    for (const name of ['Platform', 'API', 'Worker', 'Test file', 'Replay a history', 'Client']) {
      assert.ok(names.includes(name), name);
    }
  });

  it('name only files, variables and inputs that there are', () => {
    for (const configuration of launched) {
      const { name, runtimeExecutable = '', program = '', cwd = '' } = configuration;
      const texts = [runtimeExecutable, program, cwd, ...argsOf(configuration)].map(filled);
      assert.doesNotMatch(texts.join(' '), /\$\{/, name);
      for (const path of texts.filter((text) => text.includes('/'))) {
        assert.ok(
          existsSync(path.startsWith('/') ? path : `${ROOT}/${path}`),
          `${name}: there is no ${path}`,
        );
      }
    }
  });

  it("run the project's own Node, the one of package.json", () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    const executables = new Set(launched.map(({ runtimeExecutable = '' }) => filled(runtimeExecutable)));
    assert.equal(executables.size, 1);
    const [node = ''] = executables;
    const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
    assert.equal(stdout.trim(), `v${dependencies.node}`);
  });
});
