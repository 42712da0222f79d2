/**
 * Would the benches notice? Changes one operator or constant of a module at a time and runs the benches that contain
 * it:
 *
 *     node gateware/bench/mutate.mjs [--count 60] [--seed 1] [--jobs 2] [--chip COMMAND] [MODULE…]
 *
 * MODULE is a part of a name in gateware/rtl; none means all, each with its share of the count. Each mutant lives in a
 * copy of gateware/ under gateware/build/mutants, in which bench/run.mjs runs. COMMAND runs there, in a shell, for
 * mutants that no bench caught (a run of the whole chip, for instance): it must fail. Mutants that do not compile are
 * replaced by others. Which mutants there are depends on the seed and on the sources only. Results are kept in
 * gateware/build/mutants/results.jsonl, by the hash of the mutated source: run it again and it goes on.
 *
 * Exit code 1 if a mutant survives: look at it. Either a test is missing, or it does the same as the original.
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const gateware = join(dirname(fileURLToPath(import.meta.url)), '..');
const work = join(gateware, 'build', 'mutants');
const resultsFile = join(work, 'results.jsonl');

/** What replaces what. `<=` is left alone: it is an assignment more often than not. */
const OPERATORS = [
  [/ \+ /, ' - '],
  [/ - /, ' + '],
  [/ & /, ' | '],
  [/ \| /, ' & '],
  [/ && /, ' || '],
  [/ \|\| /, ' && '],
  [/ \^ /, ' | '],
  [/ == /, ' != '],
  [/ != /, ' == '],
  [/ < /, ' <= '],
  [/ > /, ' >= '],
  [/ >= /, ' > '],
  [/ >>> /, ' >> '],
  [/ << /, ' >> '],
  [/ >> /, ' << '],
  [/!(?=[a-z(])/, ''],
];

const { values, positionals } = parseArgs({
  options: {
    count: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    chip: { type: 'string' },
  },
  allowPositionals: true,
});

const sources = new Map(
  readdirSync(join(gateware, 'rtl'))
    .filter((file) => file.endsWith('.v'))
    .toSorted()
    .map((file) => [file.replace(/\.v$/, ''), readFileSync(join(gateware, 'rtl', file), 'utf8')]),
);
const benches = readdirSync(join(gateware, 'bench'))
  .filter((file) => file.endsWith('_bench.sv'))
  .map((file) => ({
    name: file.replace(/\.sv$/, ''),
    contains: modulesBelow(readFileSync(join(gateware, 'bench', file), 'utf8')),
  }));
const chosen = [...sources.keys()].filter(
  (name) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
);
if (chosen.length === 0) {
  console.error(`no module is called like ${positionals.join(' or ')}`);
  process.exit(2);
}

mkdirSync(work, { recursive: true });
const known = new Map(
  existsSync(resultsFile)
    ? readFileSync(resultsFile, 'utf8')
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line))
        .map((result) => [result.hash, result])
    : [],
);

// What is broken already catches everything.
const needed = new Set(chosen.flatMap((name) => coveringOf(name)));
const sound = copyTo(join(work, 'sound'));
for (const bench of needed) {
  const ended = await runBench(sound, bench);
  if (ended.code === 0) continue;
  console.error(`${bench.name} fails without a mutant:\n${ended.output}`);
  process.exit(2);
}

const queues = chosen.map((name, index) => ({
  mutants: shuffle(mutantsOf(name), Number(values.seed) * 1000 + index),
  wanted: Math.floor(Number(values.count) / chosen.length) + (index < Number(values.count) % chosen.length ? 1 : 0),
}));
const results = [];
await Promise.all(
  Array.from({ length: Math.max(1, Number(values.jobs) || 1) }, async (_, slot) => {
    for (let queue = nextQueue(); queue !== undefined; queue = nextQueue()) {
      queue.wanted--;
      const mutant = queue.mutants.pop();
      const result = known.get(mutant.hash) ?? (await tryOut(mutant, join(work, String(slot))));
      if (result.fate === 'invalid') queue.wanted++;
      else results.push(result);
      console.log(`${result.fate.padEnd(8)}  ${mutant.where}  ${mutant.was}  ->  ${mutant.is}`);
    }
  }),
);

const survivors = results.filter(({ fate }) => fate === 'survived');
console.log(`${results.length} mutants, ${results.length - survivors.length} caught, ${survivors.length} survived`);
for (const { where, line } of survivors) console.log(`  ${where}: ${line}`);
process.exitCode = survivors.length > 0 ? 1 : 0;

/** A copy of the gateware that benches run in, with what they compiled for the mutants before. */
function copyTo(folder) {
  const copy = join(folder, 'gateware');
  for (const part of ['rtl', 'bench', 'sim', 'boards']) {
    rmSync(join(copy, part), { recursive: true, force: true });
    if (existsSync(join(gateware, part))) cpSync(join(gateware, part), join(copy, part), { recursive: true });
  }
  mkdirSync(join(copy, 'build'), { recursive: true });
  const images = join(copy, 'build', 'images');
  if (!existsSync(images)) symlinkSync(join(gateware, 'build', 'images'), images);
  return copy;
}

/** Benches that contain a module, or all: those that contain the least first. */
function coveringOf(name) {
  return benches
    .filter(({ contains }) => name === undefined || contains.has(name))
    .toSorted((a, b) => a.contains.size - b.contains.size);
}

function runBench(copy, { name }) {
  return execute('node', [join(copy, 'bench', 'run.mjs'), '--json', '--again', '--jobs', '1', name], copy);
}

function nextQueue() {
  return queues.find(({ mutants, wanted }) => wanted > 0 && mutants.length > 0);
}

/**
 * @returns {Promise<{ hash: string, where: string, line: string, fate: 'caught' | 'survived' | 'invalid', by?: string
 *   }>}
 */
async function tryOut(mutant, folder) {
  const copy = copyTo(folder);
  writeFileSync(join(copy, 'rtl', `${mutant.name}.v`), mutant.source);

  let fate = 'survived';
  let by;
  for (const bench of coveringOf(mutant.name)) {
    const ended = await runBench(copy, bench);
    if (ended.output.includes('Exiting due to')) fate = 'invalid';
    else if (ended.code !== 0) fate = 'caught';
    if (fate !== 'survived') {
      by = bench.name;
      break;
    }
  }
  if (fate === 'survived' && values.chip !== undefined) {
    const ended = await execute('/bin/sh', ['-c', values.chip], copy);
    if (ended.code !== 0) [fate, by] = ['caught', values.chip];
  }
  const { hash, where, is } = mutant;
  const result = { hash, where, line: is, fate, ...(by === undefined ? {} : { by }) };
  appendFileSync(resultsFile, `${JSON.stringify(result)}\n`);
  return result;
}

/** @returns {Promise<{ code: number, output: string }>} */
function execute(program, args, cwd) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (bytes) => (output = (output + bytes).slice(-200_000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', ({ message }) => resolve({ code: 1, output: message }));
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Every single change of a module's logic: not of comments, ports, widths in declarations and codes of states. */
function mutantsOf(name) {
  const lines = sources.get(name).split('\n');
  const mutants = [];
  lines.forEach((text, index) => {
    const code = text.replace(/\/\/.*$/, '').replaceAll(/\/\*.*?\*\//g, (comment) => ' '.repeat(comment.length));
    if (/^\s*(input|output|parameter|localparam \[|module|`|\))/.test(code)) return;
    const start = /^\s*(wire|reg|localparam|integer|genvar)\b[^=]*/.exec(code)?.[0].length ?? 0;
    const add = (at, length, by) => {
      const is = text.slice(0, at) + by + text.slice(at + length);
      const source = [...lines.slice(0, index), is, ...lines.slice(index + 1)].join('\n');
      const hash = createHash('sha256')
        .update(source)
        .update(values.chip ?? '')
        .digest('hex');
      mutants.push({ name, where: `${name}.v:${index + 1}`, was: text.trim(), is: is.trim(), source, hash });
    };
    for (const [operator, by] of OPERATORS)
      for (const found of code.slice(start).matchAll(new RegExp(operator, 'g')))
        add(start + found.index, found[0].length, by);
    for (const found of code.slice(start).matchAll(/(?<![\w'$.])(\d+'d)?(\d+)(?![\w'])/g)) {
      const at = start + found.index + (found[1]?.length ?? 0);
      add(at, found[2].length, String(Number(found[2]) + 1));
      if (found[2] !== '0') add(at, found[2].length, String(Number(found[2]) - 1));
    }
  });
  return mutants;
}

/** Names of modules in a text, and below them. */
function modulesBelow(text, found = new Set()) {
  for (const [name] of text.matchAll(/\bmmf_\w+/g))
    if (sources.has(name) && !found.has(name)) modulesBelow(sources.get(name), found.add(name));
  return found;
}

/** Fisher and Yates, with xorshift32. */
function shuffle(items, seed) {
  let state = (seed * 0x9e3779b9) >>> 0 || 1;
  for (let left = items.length; left > 1; left--) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const other = (state >>> 0) % left;
    [items[left - 1], items[other]] = [items[other], items[left - 1]];
  }
  return items;
}
