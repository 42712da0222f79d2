/**
 * Runs the benches of the gateware, and lints its modules:
 * `node gateware/bench/run.mjs [--json] [--jobs N] [--quick] [FILTER…]`.
 * `--again` prepares nothing and takes only the first variant of each bench (for mutate.mjs).
 *
 * A bench is `*_bench.sv`; its top module is named as the file, what it instantiates is found in `gateware/rtl` and
 * `gateware/sim`. Its first lines may say with which parameters it runs:
 * `// variants: -GBYTES=1; -GBYTES=16 -GLANES=4`, and what must be made for it, in the folder of the project:
 * `// prepare: node scripts/gateware-images.mjs -o gateware/build/images` (once a run, however many ask). It passes
 * with exit code 0 and `PASS` as its last line. Linted is every module of `gateware/rtl` by itself, and what the top of
 * each board is made of, with all warnings as errors.
 *
 * --quick runs each bench with its first parameters only. FILTER is a part of a name in the table; several are joined
 * by or.
 */

import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const gateware = join(dirname(fileURLToPath(import.meta.url)), '..');
const root = join(gateware, '..');
const built = join(gateware, 'build');
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
const LIMIT_MS = 300_000;
const VARIANTS = '// variants:';
const PREPARE = '// prepare:';
const BUILD = '--binary --timing --assert -Wno-fatal -Wno-lint -Wno-style -O3 -j 1 -o bench'.split(' ');
/**
 * Most benches take longer to compile than to run: not with Verilator's own -Os, which comes behind `-CFLAGS`, and in
 * one piece, as every piece begins with the same headers.
 */
const QUICKLY = ['-MAKEFLAGS', 'OPT_FAST=-O1 VM_PARALLEL_BUILDS=0'];
/** Parts of Verilator's runtime that every bench has. */
const RUNTIME = ['verilated.o', 'verilated_timing.o', 'verilated_threads.o'];
/** They are as good as new, however new the Makefile is, on which Verilator lets them depend. */
const KEEP = ['-MAKEFLAGS', RUNTIME.map((name) => `-o ${name}`).join(' ')];
const SEARCH = ['-y', join(gateware, 'rtl'), '-y', join(gateware, 'sim'), '-y', join(gateware, 'bench')];

const { values, positionals } = parseArgs({
  options: {
    json: { type: 'boolean' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    again: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});

const tasks = [...lints(), ...benches()].filter(
  ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
);
if (tasks.length === 0) {
  console.error(`nothing is called like ${positionals.join(' or ')}`);
  process.exit(2);
}

if (tasks.some(({ into }) => into !== undefined)) await buildRuntime();
for (const command of new Set(values.again ? [] : tasks.flatMap(({ prepare }) => prepare ?? []))) {
  const { code, output } = await execute('sh', ['-c', command]);
  if (code !== 0) {
    console.error(`${command}: ${output}`);
    process.exit(1);
  }
}
const results = [];
const width = Math.max(...tasks.map(({ name }) => name.length));
let next = 0;
await Promise.all(
  Array.from({ length: Math.max(1, Number(values.jobs) || 1) }, async () => {
    while (next < tasks.length) results.push(await carryOut(tasks[next++]));
  }),
);
const failed = results.filter(({ ok }) => !ok);
if (!values.json) console.log(`${results.length - failed.length} of ${results.length} passed`);
process.exitCode = failed.length > 0 ? 1 : 0;

/** Builds and runs one entry of the table, and prints it. */
async function carryOut({ name, into, steps }) {
  if (into !== undefined) prepareFolder(into);
  const startMs = performance.now();
  let ended = { code: 0, output: '' };
  for (const [program, ...args] of steps) {
    ended = await execute(program, args);
    if (ended.code !== 0) break;
  }
  // Verilator tells where $finish was, whatever its argument.
  const lines = ended.output.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('- '));
  const lastLine = lines.at(-1)?.trim() ?? '';
  const isBench = steps.length > 1;
  const ok = ended.code === 0 && (!isBench || lastLine === 'PASS');
  const seconds = (performance.now() - startMs) / 1000;
  const said = lines.slice(-30);
  const result = { name, ok, seconds: Number(seconds.toFixed(2)), ...(ok ? {} : { output: said }) };
  if (values.json) console.log(JSON.stringify(result));
  else {
    console.log(`${ok ? 'pass' : 'FAIL'}  ${name.padEnd(width)}  ${seconds.toFixed(1).padStart(6)} s`);
    if (!ok) console.log(said.map((line) => `      ${line}`).join('\n'));
  }
  return result;
}

/** Verilator's runtime is the same in every bench: compiled once, it saves half of the time. */
async function buildRuntime() {
  const into = join(built, 'runtime');
  mkdirSync(into, { recursive: true });
  // With a delay, for which the runtime has a part of its own. Only a file that is new makes Verilator begin anew.
  const file = join(into, 'delay.v');
  if (!existsSync(file)) writeFileSync(file, 'module delay; initial #1 $finish; endmodule\n');
  const { code, output } = await execute('verilator', [...BUILD, '-Mdir', into, '--top-module', 'delay', file]);
  if (code === 0) return;
  console.error(output);
  process.exit(1);
}

/** A folder to build a bench in. */
function prepareFolder(into) {
  mkdirSync(into, { recursive: true });
  for (const name of RUNTIME) copyFileSync(join(built, 'runtime', name), join(into, name));
}

/** @returns {Promise<{ code: number, output: string }>} */
function execute(program, args) {
  return new Promise((resolve) => {
    // A group of its own, because the tools start others.
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const end = () => process.kill(-child.pid, 'SIGKILL');
    const timer = setTimeout(end, LIMIT_MS);
    process.once('exit', end);
    let output = '';
    const keep = (bytes) => (output = (output + bytes).slice(-200_000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', ({ message }) => resolve({ code: 1, output: message }));
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      process.off('exit', end);
      resolve({
        code: code ?? 1,
        output: signal === 'SIGKILL' ? `${output}\nkilled after ${LIMIT_MS / 1000} s` : output,
      });
    });
  });
}

function benches() {
  const folder = join(gateware, 'bench');
  return namesIn(folder, '_bench.sv').flatMap((file) => {
    const top = file.replace(/\.sv$/, '');
    const head = readFileSync(join(folder, file), 'utf8').split('\n', 10);
    const prepare = head
      .find((line) => line.startsWith(PREPARE))
      ?.slice(PREPARE.length)
      .trim();
    return variantsOf(head)
      .slice(0, values.quick || values.again ? 1 : undefined)
      .map((parameters) => {
        const name = [top, ...parameters].join(' ');
        const into = join(built, 'bench', name.replaceAll(/[^\w.=-]+/g, '_'));
        // A bench may be as untidy as it likes; what it tests is linted by itself.
        const flags = ['-Mdir', into, '--top-module', top, ...parameters, ...SEARCH];
        return {
          name,
          into,
          prepare,
          steps: [['verilator', ...BUILD, ...QUICKLY, ...KEEP, ...flags, join(folder, file)], [join(into, 'bench')]],
        };
      });
  });
}

/** @param {string[]} head the first lines of the file */
function variantsOf(head) {
  const line = head.find((text) => text.startsWith(VARIANTS));
  if (line === undefined) return [[]];
  return line
    .slice(VARIANTS.length)
    .split(';')
    .map((words) => words.split(' ').filter((word) => word !== ''));
}

function lints() {
  const lint = (file, top, ...search) => ['verilator', '--lint-only', '-Wall', '--top-module', top, ...search, file];
  const rtl = join(gateware, 'rtl');
  const modules = namesIn(rtl, '.v').map((file) => {
    const top = file.replace(/\.v$/, '');
    return { name: `lint ${top}`, steps: [lint(join(rtl, file), top, '-y', rtl)] };
  });
  const boards = join(gateware, 'boards');
  const tops = namesIn(boards, '').flatMap((board) =>
    namesIn(join(boards, board), '.v').map((file) => {
      const search = ['-y', join(boards, board, 'lint'), '-y', rtl, '-Wno-PINMISSING'];
      return { name: `lint ${board}`, steps: [lint(join(boards, board, file), file.replace(/\.v$/, ''), ...search)] };
    }),
  );
  return [...modules, ...tops];
}

function namesIn(folder, ending) {
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith(ending))
        .toSorted()
    : [];
}
