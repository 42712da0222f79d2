/**
 * `npm run test:usb [-- [--if-possible] [--quick] [--prepare] [--shell] <scenario> …]`: boots the guest, has it run the
 * scenarios, shows what came of them. Exit code 0 only if every scenario passed. With --quick, those of CI, with its
 * counts; with --prepare, nothing is run: packages and kernel are downloaded.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { Outcome, Progress } from '../outcome.js';
import { selectScenarios } from '../scenarios/index.js';
import { RUN } from './folders.js';
import { makeInitramfs } from './initramfs.js';
import { provideKernel } from './kernel.js';
import { LabError } from './lab-error.js';
import { installPackages, obstacle } from './packages.js';
import { makeModels } from './models.js';
import { startPico } from './pico.js';
import { follow } from './progress.js';
import { say } from './say.js';
import { table } from './table.js';
import { runMachine } from './virtual-machine.js';

/** Emulation takes a core for each. More than two have not been tried. */
const MACHINES = Math.min(2, availableParallelism());

/** A guest that says nothing for so long hangs. On a busy computer the longest scenario takes half of that. */
const SILENT_MS = 800_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'if-possible': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    prepare: { type: 'boolean', default: false },
    shell: { type: 'boolean', default: false },
  },
});

try {
  process.exitCode = await main();
} catch (error) {
  // The name of a scenario that does not exist.
  if (error instanceof RangeError) say(error.message);
  else if (error instanceof LabError) say(`USB LAB BROKEN: ${error.message}\n${error.detail}`);
  else throw error;
  process.exitCode = 1;
}

async function main(): Promise<number> {
  const reason = process.env['MMFREE_USB_LAB'] === 'skip' ? 'MMFREE_USB_LAB=skip says so' : obstacle();
  if (reason !== undefined) {
    say(`USB LAB ${values['if-possible'] ? 'SKIPPED' : 'IMPOSSIBLE'}: ${reason}`);
    return values['if-possible'] ? 0 : 1;
  }
  const chosen = selectScenarios(positionals, values.quick);
  installPackages();
  const kernel = provideKernel();
  if (values.prepare) return 0;
  const initramfs = makeInitramfs(kernel, chosen, values.quick);

  rmSync(RUN, { recursive: true, force: true });
  mkdirSync(join(RUN, 'taken'), { recursive: true });
  makeModels();
  const startMs = performance.now();
  const machines = values.shell
    ? ['shell']
    : Array.from({ length: Math.min(MACHINES, chosen.length) }, (_, index) => String(index + 1));
  const hosted = chosen.some(({ name }) => name === 'pico') ? await startPico() : undefined;
  const { outcomes, broken } = await observe(machines, chosen.length, async (name, signal) => {
    const complaint = await runMachine({ kernel, initramfs, name, picoPort: hosted?.tcpPort, signal });
    if (complaint !== '') throw new LabError(`machine ${name} did not run`, complaint);
  }).finally(() => hosted?.stop());
  if (values.shell) return 0;

  const seconds = (performance.now() - startMs) / 1000;
  const failed = outcomes.filter(({ failures }) => failures.length > 0);
  const isWhole = outcomes.length === chosen.length;
  const passed = failed.length === 0 && isWhole;
  writeFileSync(
    join(RUN, 'result.json'),
    `${JSON.stringify({ passed, seconds, kernel: kernel.version, outcomes }, null, 2)}\n`,
  );
  console.log(table(outcomes));
  say(
    `${outcomes.length} of ${chosen.length} scenarios ran, ${failed.length} failed, ${seconds.toFixed(1)} s; logs: ${RUN}`,
  );
  if (broken !== undefined) throw new LabError('something failed that no scenario waited for', broken);
  if (!isWhole) throw new LabError('the guest did not come to its end', lastWords());
  return passed ? 0 : 1;
}

/** Runs the machines, and ends them when they have said nothing for too long. @throws LabError */
async function observe(
  machines: readonly string[],
  total: number,
  boot: (machine: string, signal: AbortSignal) => Promise<void>,
): Promise<{ readonly outcomes: readonly Outcome[]; readonly broken: string | undefined }> {
  const outcomes: Outcome[] = [];
  const end = new AbortController();
  const watchdog = setTimeout(() => end.abort(), SILENT_MS);
  if (values.shell) clearTimeout(watchdog);
  let broken: string | undefined;
  const onProgress = (progress: Progress): void => {
    watchdog.refresh();
    if (progress.type === 'broken') broken = progress.reason;
    if (progress.type !== 'ended') return;
    const { name, seconds, failures } = progress.outcome;
    outcomes.push(progress.outcome);
    say(`${outcomes.length}/${total} ${name}: ${failures.length === 0 ? 'ok' : 'FAILED'} (${seconds.toFixed(1)} s)`);
  };
  const stops = machines.map((machine) => {
    const path = join(RUN, `progress-${machine}.jsonl`);
    writeFileSync(path, '');
    return follow(path, onProgress);
  });
  try {
    await Promise.all(machines.map((machine) => boot(machine, end.signal)));
  } finally {
    clearTimeout(watchdog);
    end.abort();
    for (const stop of stops) stop();
  }
  return { outcomes, broken };
}

/** What the guest and the program in it said last. */
function lastWords(): string {
  return readdirSync(RUN)
    .filter((name) => /^(console|runner)-/.test(name))
    .map((name) => `--- ${name}\n${readFileSync(join(RUN, name), 'utf8').slice(-2000)}`)
    .join('\n');
}
