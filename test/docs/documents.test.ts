/**
 * What the documents say of themselves and of the command line: README's size, every link, every command with its
 * options.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { isGroup, type CommandSpec } from '../../cli/command.js';
import { COMMANDS } from '../../cli/commands.js';
import { declareGlobalOptions } from '../../cli/global-options.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const markdownIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
/** Texts of the contracts that begin as command lines do. */
const OTHER_TEXTS = /^mmfree (?:image v1|auth\.1 (?:host|board)|board \(KIND\)|serial port)$/;
const PAGES = [...markdownIn('.'), 'gateware/README.md', ...markdownIn('docs'), ...markdownIn('docs/guides')];

it('README fits on one page', () => {
  const text = read('README.md');
  expect(text.split('\n').length - 1).toBeLessThanOrEqual(130);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(9 * 1024);
});

it('every guide is reached from README', () => {
  const linked = new Set(linksOf('README.md').map(({ path }) => path));
  expect(markdownIn('docs/guides').filter((page) => !linked.has(page))).toEqual([]);
});

describe('links', () => {
  it.each(PAGES)('of %s lead to files and headings that are there', (page) => {
    const broken = linksOf(page).filter(({ path, anchor }) => {
      if (!existsSync(join(ROOT, path))) return true;
      return anchor !== undefined && !anchorsOf(path).has(anchor);
    });
    expect(broken.map(({ target }) => target)).toEqual([]);
  });

  it('of pictures say what is to be seen', () => {
    const silent = PAGES.flatMap((page) =>
      [...read(page).matchAll(/!\[\s*\]\([^)]*\)/g)].map(([link]) => `${page}: ${link}`),
    );
    expect(silent).toEqual([]);
  });
});

describe('paths', () => {
  const ROOMS = 'cli|device|docs|engine|firmware-host|gateware|model|models|protocol|scripts|test|udev';

  it.each(PAGES)('of %s in the project lead to something', (page) => {
    const named = [...read(page).matchAll(new RegExp(`(?<![\\w/.-])(?:${ROOMS})/[\\w./-]*`, 'g'))];
    const paths = named.map(([path]) => path.replace(/[.]$/, ''));
    expect(paths.filter((path) => !existsSync(join(ROOT, path)) && !existsSync(join(ROOT, `${path}.test.ts`)))).toEqual(
      [],
    );
  });
});

describe('command lines', () => {
  it('are found in blocks, in sentences and in tables, behind what stands in front of them', () => {
    const page = [
      'as `mmfree boards --json`, or `other` ones',
      '```',
      'sudo mmfree doctor --fix   # mmfree is here --nothing',
      'MMFREE_SEED=1 mmfree run -q "--not an option" | mmfree eval --text -',
      'mmfree gateware flash --dry-run &',
      'echo mmfree --neither',
      '```',
    ].join('\n');
    expect(commandLinesOf(page)).toEqual([
      ['boards', '--json'],
      ['doctor', '--fix'],
      ['run', '-q', ''],
      ['eval', '--text', '-'],
      ['gateware', 'flash', '--dry-run'],
    ]);
  });

  it('with an unknown command or option are refused', async () => {
    expect(await unknownIn(['boreds'])).toBe('boreds');
    expect(await unknownIn(['gateware', 'bild'])).toBe('gateware bild');
    expect(await unknownIn(['run', '--image', 'FILE', '--ceck'])).toBe('--ceck');
    expect(await unknownIn(['gateware', 'flash', '--dry-run=yes', '--chip'])).toBe('--chip');
    expect(await unknownIn(['--json', 'run', '-V'])).toBeUndefined();
  });

  it.each(PAGES)('of %s name commands and options that exist', async (page) => {
    const lines = commandLinesOf(read(page));
    const unknown = await Promise.all(lines.map(async (words) => ({ words, unknown: await unknownIn(words) })));
    expect(
      unknown.filter((line) => line.unknown !== undefined).map((line) => `${line.unknown} in: ${line.words.join(' ')}`),
    ).toEqual([]);
  });

  it.each(PAGES)('of %s name npm scripts and files of scripts that exist', (page) => {
    const text = read(page);
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const npm = [...text.matchAll(/\bnpm run (?:--silent )?([a-z][\w:-]*)/g)].map(([, name = '']) => name);
    expect(npm.filter((name) => !(name in scripts))).toEqual([]);
    const files = [...text.matchAll(/\b(?:node|sh) ((?:scripts|gateware)\/[\w./-]+)/g)].map(([, path = '']) => path);
    expect(files.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

interface Link {
  readonly target: string;
  /** From the root of the project. */
  readonly path: string;
  readonly anchor: string | undefined;
}

/** Relative links of a page, those of pictures too. */
function linksOf(page: string): Link[] {
  const prose = proseOf(read(page));
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = '', anchor] = target.split('#');
      return { target, path: file === '' ? page : normalize(join(dirname(page), file)), anchor };
    });
}

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(page: string): Set<string> {
  const headings = [...proseOf(read(page)).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  const seen = new Map<string, number>();
  return new Set(
    headings.map((heading) => {
      const slug = heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-');
      const before = seen.get(slug) ?? 0;
      seen.set(slug, before + 1);
      return before === 0 ? slug : `${slug}-${before}`;
    }),
  );
}

/** Without blocks of code. */
function proseOf(text: string): string {
  return text.replace(/^```[^]*?^```/gm, '');
}

/** The words behind `mmfree` of each command line in a page; strings in quotes are one empty word. */
function commandLinesOf(text: string): string[][] {
  const blocks = [...text.matchAll(/^```.*\n([^]*?)^```/gm)].flatMap(([, block = '']) => block.split('\n'));
  const quoted = [...proseOf(text).matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
  const inSentences = quoted.filter((code) => !OTHER_TEXTS.test(code));
  return [...inSentences, ...blocks].flatMap((line) =>
    line
      .replace(/"[^"]*"|'[^']*'/g, '""')
      .replace(/(^|\s)#.*$/, '')
      .split(/[|;&│]/)
      .flatMap((part) => {
        const words = /^\s*(?:sudo )?(?:\w+=\S* )*(?:mmfree|npm run mmfree --) (.*)$/.exec(part)?.[1];
        return words === undefined ? [] : [words.replaceAll('""', "''").trim().split(/\s+/).map(unquoted)];
      }),
  );
}

function unquoted(word: string): string {
  return word === "''" ? '' : word;
}

/** The first word of a command line that names nothing; placeholders in capitals are let through. */
async function unknownIn(words: readonly string[]): Promise<string | undefined> {
  const names = words.filter((word) => /^[a-z]/.test(word));
  const [first] = names;
  const command = new Command();
  declareGlobalOptions(command.version('0', '-V, --version'));
  const options = words.filter((word) => /^--?[a-z]/i.test(word)).map((word) => word.split('=')[0] ?? '');
  if (first !== undefined && first !== 'help') {
    const spec = await specOf(names);
    if (typeof spec === 'string') return spec;
    spec?.declare(command);
  }
  const known = new Set(['-h', '--help', ...command.options.flatMap(({ short, long }) => [short, long])]);
  return options.find((option) => !known.has(option));
}

/** What a command takes; the name of one that does not exist; undefined for a group alone. */
async function specOf([first = '', second = '']: readonly string[]): Promise<CommandSpec | string | undefined> {
  const named = COMMANDS.find(({ name }) => name === first);
  if (named === undefined) return first;
  if (!isGroup(named)) return named.load();
  if (second === '') return undefined;
  const member = named.commands.find(({ name }) => name === second);
  return member === undefined ? `${first} ${second}` : member.load();
}
