/** Completion by the real shells, where they are installed. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { mmfree, mmfreeJson, temporaryFolder } from '../../helpers/command-line.js';
import { hasProgram } from '../../helpers/system.js';

const path = temporaryFolder();

/** What a shell offers for a command line, whose last word is the one to complete. */
type Complete = (words: readonly string[]) => string[];

function run(program: string, args: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', cwd: path('folder') });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter((line) => line !== '').map((line) => line.split('\t')[0] ?? '').toSorted(); // prettier-ignore
}

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ');

const SHELLS: Readonly<Record<string, Complete>> = {
  // Before it completes, bash cuts words at =.
  bash: (words) => {
    const cut = words.flatMap((word) =>
      word.split(/(=)/).filter((part, index) => part !== '' || index > 1 || word === ''),
    );
    const script = `source "$0"; COMP_WORDS=(${quoted(cut)}); COMP_CWORD=${cut.length - 1}; _mmfree; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return run('bash', ['--norc', '-c', script, path('mmfree.bash')]);
  },
  // Its own functions for what is found work in an editor only, and are written down here.
  zsh: (words) => {
    const script = `
      compdef() { : }
      compset() { PREFIX=\${PREFIX#*=} }
      offer() { local item; for item in "$@"; do [[ $item == $PREFIX* ]] && print -r -- $item; done; true }
      compadd() { shift; offer "$@" }
      _describe() { offer "\${(@)items%%:*}" }
      _files() { offer *(N) }
      source "$0"; words=(${quoted(words)}); CURRENT=${words.length}; PREFIX=\${words[CURRENT]}; _mmfree`;
    return run('zsh', ['-f', '-c', script, path('mmfree.zsh')]);
  },
  fish: (words) => {
    const line = words.join(' ');
    return run('fish', ['--no-config', '-c', `source ${path('mmfree.fish')}; complete -C '${line}'`]).map((text) => text.replace(/^.*=/, '')); // prettier-ignore
  },
};

beforeAll(async () => {
  mkdirSync(path('folder'));
  writeFileSync(path('folder/my model.mmfree'), '');
  for (const shell of Object.keys(SHELLS)) {
    const { stdout } = await mmfree('completion', shell);
    writeFileSync(path(`mmfree.${shell}`), stdout.text);
  }
});

describe.each(Object.entries(SHELLS))('%s', (shell, complete) => {
  it.skipIf(!hasProgram(shell)).each<[readonly string[], readonly string[]]>([
    [['mmfree', 'ga'], ['gateware']],
    [
      ['mmfree', 'gateware', ''],
      ['build', 'flash', 'sim'],
    ],
    [['mmfree', 'run', '--temp'], ['--temperature']],
    [['mmfree', '--json', 'run', '--prompt'], ['--prompt-file']],
    [
      ['mmfree', 'run', '--backend', ''],
      ['cpu', 'gpu', 'reference', 'simulator'],
    ],
    [['mmfree', 'run', '--backend=g'], ['gpu']],
    [['mmfree', 'run', '--board', ''], []],
    // The value of an option is no command.
    [['mmfree', 'run', '--board', 'flash', '--sampl'], ['--sampling']],
    [
      ['mmfree', 'gateware', 'build', '--board', ''],
      ['axi', 'icebreaker'],
    ],
    [['mmfree', 'gateware', 'flash', '--bits'], ['--bitstream']],
    [['mmfree', 'flash', '--bits'], []],
    [
      ['mmfree', 'completion', ''],
      ['bash', 'fish', 'zsh'],
    ],
    [['mmfree', 'bench', 'li'], ['link']],
    [['mmfree', 'inspect', 'my'], ['my model.mmfree']],
    [['mmfree', 'run', '--image', 'my'], ['my model.mmfree']],
    [['mmfree', 'pack', '--verb'], ['--verbose']],
  ])('completes %j', (words, expected) => {
    expect(complete(words).map((text) => text.replaceAll('\\', ''))).toEqual(expected);
  });
});

it('gives programs the script as a field, and refuses other shells', async () => {
  const { result } = await mmfreeJson('completion', 'fish');
  expect(result).toMatchObject({ shell: 'fish', script: expect.stringContaining('complete -c mmfree') });
  expect((await mmfree('completion', 'csh')).exit).toBe(2);
});
