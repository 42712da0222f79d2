import { run } from '../guest/program.js';
import type { Scenario } from '../guest/scenario.js';

const f = (name: string): Scenario => ({
  name,
  expected: 'x',
  run: async ({ log }) => {
    await run(log, 'cat', ['/proc/uptime']);
    for (let i = 0; i < 4; i++) await run(log, process.execPath, ['dist/cli/main.js', 'boards', '--json']);
    return { things: 1 };
  },
});
export const smokes = [f('smoke'), f('smoke-2'), f('smoke-3'), f('smoke-4')];
