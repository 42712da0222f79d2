/** A Node without WebAssembly, as one for a processor without SIMD is one without kernels. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { inRoot, temporaryFolder } from '../../../../helpers/command-line.js';

const path = temporaryFolder();

function withoutKernels(...args: string[]): {
  readonly exit: number | null;
  readonly events: Record<string, unknown>[];
} {
  const program = ['--jitless', '--no-warnings', inRoot('dist/cli/main.js'), '--json', ...args];
  // Boards of other tests are not for this one.
  const env = { ...process.env, MMFREE_RUNTIME_DIR: path('') };
  const { status, stdout } = spawnSync(process.execPath, program, { encoding: 'utf8', env });
  // V8 warns on stdout of what this flag turns off.
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
  return { exit: status, events: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

it('says that the kernels do not run there, where they are asked for', () => {
  const { exit, events } = withoutKernels('verify', '--backend', 'cpu', '--tokens', '1');
  const error = { code: 'cpu-unsupported', fix: expect.stringContaining('--backend reference') as string };
  expect([exit, events.at(-1)]).toEqual([
    7,
    expect.objectContaining({ error: expect.objectContaining(error) as object }),
  ]);
});

it('computes with the reference, where nothing is asked for', () => {
  const { exit, events } = withoutKernels('run', '--ids', '--max-tokens', '1', '0');
  expect(exit).toBe(0);
  expect(JSON.stringify(events)).toContain('does not run here');
  expect(events.at(-1)).toMatchObject({ backend: 'reference', exit: 0 });
});

it('has boards, which compute with the reference', () => {
  const script = `
    const { cpuModelOf } = await import(${JSON.stringify(inRoot('dist/model/backends/cpu/node/cpu-model-of.js'))});
    console.log(String(cpuModelOf({ shape: {} })));
  `;
  const args = ['--jitless', '--input-type=module', '--eval', script];
  expect(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout).toContain('undefined');
});
