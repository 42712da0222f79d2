/**
 * How the rooms of the project hang together (ARCHITECTURE.md): imports point one way and in no circle, those of types
 * too, and no room is a heap. What a browser must run is compiled without Node's types, and imports nothing that needs
 * them.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { configOf, isPortable, needsNode, PORTABLE_ROOMS } from './helpers/portable-files.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** What each room may import beside itself. The longest name that a path begins with counts. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  model: ['protocol'],
  // The layer beneath everything that computes on a GPU.
  'model/backends/gpu/device': ['model/cache-folder.ts', 'model/package-file.ts', 'protocol'],
  device: ['model', 'protocol'],
  'firmware-host': ['model', 'protocol'],
  engine: ['device', 'model', 'protocol'],
  library: ['device', 'engine', 'model', 'protocol'],
  serve: ['device', 'engine', 'model', 'protocol'],
  cli: ['device', 'engine', 'firmware-host', 'model', 'protocol', 'serve'],
};

const MOST_FILES = 20;

/** Looks like TypeScript and is another language, with a compiler and a tsconfig of its own. */
const ASSEMBLY_SCRIPT = 'backends/cpu/wasm';

/** What portable files may import from node_modules. */
const PORTABLE_PACKAGES = ['cbor-x/decode', 'cbor-x/encode'];

/** What the command line has, by its declarations. */
const COMMAND = new RegExp(`\\bmmfree (?:${declared(/name: '([a-z-]+)'/g, ['cli/commands.ts']).join('|')})\\b`);
/** In a sentence: an argument for another program stands alone. */
const OPTION = new RegExp(
  `[\\s\`(](?:${declared(
    /'(--[a-z-]+)/g,
    sources().filter((file) => file.startsWith('cli/commands/')),
  ).join('|')})\\b(?!-)`,
);

/** Path → paths that it imports, those of types included. */
const imports = new Map(
  sources().map((file) => [file, importsOf(file, /^(?:import|export|\}) .*from '(\.[^']+)\.js'/gm)]),
);

/** Path → paths that it loads while it runs, in `import(…)`: commands and machines, by the tables that name them. */
const loads = new Map(sources().map((file) => [file, importsOf(file, /\bimport\('(\.[^']+)\.js'\)/g)]));

test('imports point downward', () => {
  const upward = [...imports, ...loads].flatMap(([from, targets]) => {
    return targets.filter((to) => !mayImport(from, to)).map((to) => `${from} → ${to}`);
  });
  expect(upward).toEqual([]);
});

test('comments wrap at 120 characters, as code does', () => {
  const wide = sources().flatMap((file) => {
    const lines = readFileSync(join(root, file), 'utf8').split('\n');
    return lines.flatMap((line, at) =>
      /^ *(?:\/\/|\/?\*)/.test(line) && line.length > 120 ? [`${file}:${at + 1}`] : [],
    );
  });
  expect(wide).toEqual([]);
});

test('no imports go in a circle, those of types included', () => {
  expect(circles()).toEqual([]);
});

describe('what a browser must run', () => {
  const portable = [...imports.keys()].filter(isPortable);

  test.each(PORTABLE_ROOMS.filter((room) => needsNode(room).length > 0))(
    '%s has each file in one TypeScript project, of which the first knows nothing of Node',
    (room) => {
      expect(configOf(`${room}/tsconfig.json`)).toMatchObject({ extends: '../tsconfig.portable.json' });
      const { exclude = [] } = configOf(`${room}/tsconfig.json`);
      expect(exclude.filter((name) => name !== ASSEMBLY_SCRIPT)).toEqual(needsNode(room));
      expect(needsNode(room).filter((name) => !existsSync(join(root, room, name)))).toEqual([]);
    },
  );

  test('imports nothing that needs Node', () => {
    const wrong = portable.flatMap((from) => {
      const targets = [...imports.get(from)!, ...loads.get(from)!];
      return targets.filter((to) => !isPortable(to)).map((to) => `${from} → ${to}`);
    });
    expect(wrong).toEqual([]);
  });

  test('imports no package but those that run everywhere', () => {
    const packages = portable.flatMap((file) => {
      const found = textOf(file).matchAll(/(?:^(?:import|export|\}) .*from |\bimport\()'([^.'][^']*)'/gm);
      return Array.from(found, ([, name]) => name!);
    });
    expect([...new Set(packages)].toSorted()).toEqual(PORTABLE_PACKAGES);
  });
});

test(`a room has at most ${MOST_FILES} files`, () => {
  const sizes = new Map<string, number>();
  for (const file of imports.keys()) sizes.set(dirname(file), (sizes.get(dirname(file)) ?? 0) + 1);
  const full = [...sizes].filter(([, size]) => size > MOST_FILES);
  expect(Object.fromEntries(full)).toEqual({});
});

test('bytes become hexadecimal in one place', () => {
  const places = [...imports.keys()].filter((file) => /\.padStart\(2, '0'\)\)\.join\(''\)/.test(textOf(file)));
  expect(places).toEqual(['protocol/hex.ts']);
});

test('only the command line names its commands and options', () => {
  const below = [...imports.keys()].filter((file) => roomOf(file) !== 'cli');
  expect(below.flatMap((file) => namesOfCommandLine(textOf(file)).map((line) => `${file}: ${line}`))).toEqual([]);
});

describe('the test itself', () => {
  test.each([
    ["fix: 'Run `mmfree boards` to see.',", 1],
    ['  fix: `Give it with --image, or not.`,', 1],
    ["run('npm ci --include=dev');", 0],
    [' * As `mmfree run --image` does.', 0],
    ["const SIGNED_TEXT = 'mmfree image v1';", 0],
  ])('knows the command line in %s', (line, found) => {
    expect(namesOfCommandLine(line)).toHaveLength(found);
  });

  test('sees the sources and their imports', () => {
    expect(imports.size).toBeGreaterThan(300);
    expect(imports.get('protocol/hex.ts')).toEqual([]);
    expect(loads.get('cli/commands.ts')).toContain('cli/commands/run.ts');
    expect(imports.get('protocol/image/tensors.ts')).toEqual(['protocol/image/model-shape.ts']);
  });

  test.each([
    ['device/session.ts', 'firmware-host/random.ts', false],
    ['protocol/cbor.ts', 'model/config.ts', false],
    ['model/backends/gpu/device/adapter.ts', 'model/backends/gpu/kernels/products/product-matrices.ts', false],
    ['model/backends/gpu/row-pass.ts', 'model/backends/gpu/device/gpu-device.ts', true],
    ['engine/registry.ts', 'cli/host.ts', false],
    ['cli/host.ts', 'engine/registry.ts', true],
  ])('knows whether %s may import %s', (from, to, expected) => {
    expect(mayImport(from, to)).toBe(expected);
  });
});

test.each([
  ['model/integer/integer-model.ts', true],
  ['model/weight-image.ts', true],
  ['model/image-file.ts', false],
  ['model/pack/pack.ts', false],
  ['cli/main.ts', false],
])('whether a browser runs %s: %s', (file, expected) => {
  expect(isPortable(file)).toBe(expected);
});

function sources(): string[] {
  return ['protocol', 'model', 'device', 'firmware-host', 'engine', 'library', 'serve', 'cli'].flatMap((room) => {
    const names = readdirSync(root).includes(room) ? readdirSync(join(root, room), { recursive: true }) : [];
    return names.map((name) => posix.join(room, String(name))).filter((name) => name.endsWith('.ts'));
  });
}

function declared(pattern: RegExp, files: readonly string[]): string[] {
  return [...new Set(files.flatMap((file) => Array.from(textOf(file).matchAll(pattern), ([, name = '']) => name)))];
}

function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** Lines, comments apart, that name a command or an option of this program. */
function namesOfCommandLine(text: string): string[] {
  const lines = text.split('\n').filter((line) => !/^\s*(?:\/?\*|\/\/)/.test(line));
  return lines.filter((line) => COMMAND.test(line) || OPTION.test(line)).map((line) => line.trim());
}

function importsOf(file: string, statement: RegExp): string[] {
  const paths = Array.from(textOf(file).matchAll(statement), ([, path]) => `${path}.ts`);
  return [...new Set(paths.map((path) => posix.join(posix.dirname(file), path)))];
}

function mayImport(from: string, to: string): boolean {
  const room = roomOf(from);
  const allowed = [room, ...(ALLOWED[room] ?? [])];
  const isInside = (path: string): boolean => allowed.some((name) => path === name || path.startsWith(`${name}/`));
  return isInside(to);
}

function roomOf(path: string): string {
  const rooms = Object.keys(ALLOWED).filter((room) => path.startsWith(`${room}/`));
  return rooms.toSorted((a, b) => b.length - a.length)[0] ?? '';
}

/** Each as the files on it, found by walking depth first. */
function circles(): string[] {
  const found: string[] = [];
  const finished = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(' → '));
      return;
    }
    if (finished.has(file)) return;
    for (const next of imports.get(file) ?? []) walk(next, [...path, file]);
    finished.add(file);
  };
  for (const file of imports.keys()) walk(file, []);
  return found;
}
