/** Variables that are named like settings and are none: nothing used to be said of them. */

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { OTHER_VARIABLES } from '../../../cli/settings/unknown-variables.js';
import { COMMANDS } from '../../helpers/command-line.js';
import { FakeProcess } from '../../helpers/fake-host.js';

/** What is said on stderr of variables. */
async function saidOf(env: Record<string, string>, ...argv: string[]): Promise<string> {
  const { exit, stderr } = await new FakeProcess({ env }).run(COMMANDS, ...argv);
  expect(exit).toBe(0);
  return stderr.text;
}

const ignored = (name: string, hint: string): string => `${name} is no setting, and nothing reads it: ${hint}\n`;

describe('a variable', () => {
  it.each([
    ['MMFREE_TEMPRATURE', 'did you mean MMFREE_TEMPERATURE?'],
    ['MMFREE_SEDE', 'did you mean MMFREE_SEED?'],
    ['MMFREE_TEMP', 'did you mean MMFREE_TEMPERATURE?'],
    ['MMFREE_MAXTOKENS', 'did you mean MMFREE_MAX_TOKENS?'],
    ['MMFREE_RUNTIMEDIR', 'did you mean MMFREE_RUNTIME_DIR?'],
    ['MMFREE_BOARD_OF_JOHN', '`mmfree COMMAND --help` lists the names'],
  ])('named %s is remarked on', async (name, hint) => {
    expect(await saidOf({ [name]: '1' }, 'models')).toBe(ignored(name, hint));
  });

  it('is not, if it is a setting of any command, read otherwise, empty, or of another program', async () => {
    const others = Object.fromEntries(OTHER_VARIABLES.map((name) => [name, '1']));
    const settings = { MMFREE_TEMPERATURE: '0.5', MMFREE_VECTORS_SEED: '1', MMFREE_IMAGE: 'x' };
    expect(await saidOf({ ...others, ...settings, MMFREE_TEMPRATURE: '', MMFREEZE: '1' }, 'models')).toBe('');
  });

  it('is not where little is to be said', async () => {
    expect(await saidOf({ MMFREE_TEMPRATURE: '1' }, '--quiet', 'models')).toBe('');
  });

  it('is for programs too', async () => {
    const { events } = await new FakeProcess({ env: { MMFREE_SEDE: '1' } }).run(COMMANDS, '--json', 'models');
    const text = ignored('MMFREE_SEDE', 'did you mean MMFREE_SEED?').trimEnd();
    expect(events()).toContainEqual({ type: 'note', text });
  });
});

it('all that the sources read is known', () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const folders = ['cli', 'device', 'engine', 'firmware-host', 'model', 'protocol', 'scripts', 'test'];
  const sources = folders.flatMap((folder) =>
    readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.(?:ts|mjs)$/.test(path))
      .map((path) => `${root}/${folder}/${path}`),
  );
  const read = sources.flatMap((path) => {
    const text = readFileSync(path, 'utf8');
    const [, taken = ''] = /\{([^{}]*)\} = process\.env/.exec(text) ?? [];
    const names = [...text.matchAll(/\bprocess\.env(?:\.|\[')(MMFREE_\w+)/g), ...taken.matchAll(/(MMFREE_\w+)/g)];
    return names.map(([, name]) => name!);
  });
  expect(new Set(read).size).toBeGreaterThan(8);
  expect([...new Set(read)].filter((name) => !OTHER_VARIABLES.includes(name))).toEqual([]);
});
