/**
 * Runs in a guest: one scenario after the other, of those that no other guest has taken; each is told to the host as it
 * ends.
 */

import { appendFileSync, mkdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { inspect } from 'node:util';
import { selectScenarios } from '../scenarios/index.js';
import type { Outcome, Progress } from '../outcome.js';
import { logFile } from './log.js';
import type { Lab, Scenario } from './scenario.js';
import { Turns } from './turns.js';

const RUN = '/lab/run';
const LOOK_AGAIN_MS = 1000;

function tell(progress: Progress): void {
  appendFileSync(`${RUN}/progress-${process.env['MACHINE']}.jsonl`, `${JSON.stringify(progress)}\n`);
}

async function runScenario(scenario: Scenario): Promise<Outcome> {
  const { name, expected } = scenario;
  const log = logFile(`${RUN}/${name}.log`);
  const folder = `/lab/tmp/${name}`;
  mkdirSync(folder, { mode: 0o755 });
  const ends: (() => Promise<void> | void)[] = [];
  const lab: Lab = { log, folder, isQuick: process.env['QUICK'] === '1', atEnd: (work) => void ends.unshift(work) };
  const startMs = performance.now();
  const failures: string[] = [];
  const noted = async <T>(work: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      log.write(`FAILED: ${error instanceof Error ? error.stack : String(error)}`);
      failures.push(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  };
  const counts = await noted(() => scenario.run(lab));
  for (const end of ends) await noted(end);
  const seconds = (performance.now() - startMs) / 1000;
  return { name, expected, seconds, counts: counts ?? {}, failures };
}

/** What nobody waited for must not pass unseen; a rejection without a handler comes here as well. */
process.on('uncaughtException', (error) => {
  tell({ type: 'broken', reason: inspect(error) });
  process.exit(1);
});

const turns = new Turns(`${RUN}/taken`);
for (const scenario of selectScenarios(process.argv.slice(2))) {
  const { name } = scenario;
  if (!turns.take(name)) continue;
  // Also where this program ends in the middle: another guest may wait for it.
  const end = (): void => turns.end(name);
  process.once('exit', end);
  while (scenario.needsAll === true && !turns.isAlone(name)) await setTimeout(LOOK_AGAIN_MS);
  tell({ type: 'started', name });
  tell({ type: 'ended', outcome: await runScenario(scenario) });
  process.off('exit', end);
  end();
}
process.exit(0);
