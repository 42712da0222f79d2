import { describe, expect, it } from 'vitest';
import { loadDeclarations } from '../../cli/commands.js';

const all = await loadDeclarations([]);
const names = all.map(({ name }) => name);

describe('loadDeclarations', () => {
  it.each(all)('loads $name alone where it is named', async (declaration) => {
    expect(await loadDeclarations(['--json', declaration.name, 'bench'])).toEqual([declaration]);
  });

  it.each([[['--help']], [['help', 'run']], [['rnu']], [['constructor']]])(
    'loads all commands for %j',
    async (argv) => {
      expect((await loadDeclarations(argv)).map(({ name }) => name)).toEqual(names);
    },
  );
});
