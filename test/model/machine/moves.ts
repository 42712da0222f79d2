/**
 * A text that moves from machine to machine, through the file of its state, and nobody can tell: body of a property
 * test over all machines.
 */
import { expect, it } from 'vitest';

import { BoardMachine } from '../../../device/board/board-machine.js';
import { BoardConnection } from '../../../device/connection.js';
import { samplerSettings } from '../../../model/integer/sampler.js';
import { residentBytes } from '../../../model/integer/model-weights.js';
import type { GeneratedToken, Machine, Sequence } from '../../../model/machine/machine.js';
import { simulatorMachine } from '../../../model/machine/simulator.js';
import { MODEL_PROGRAM } from '../../../model/program/model-program.js';
import type { SequenceState } from '../../../protocol/state/sequence-state.js';
import { decodeState, encodeState } from '../../../protocol/state/state-file.js';
import { BoardOnALine, TestClock } from '../../helpers/board-on-a-line.js';
import { count, figure } from '../../helpers/counts.js';
import { cpuOf } from '../../helpers/cpu.js';
import { goodImageOf } from '../../helpers/good-image.js';
import { referenceOf, TEST_IMAGE } from '../../helpers/machines.js';
import { Prng } from '../../oracle/prng.js';
import { SECTIONS } from './promises.js';

/** A machine, and how its own time passes until something is done, where it has one. */
export interface Station {
  readonly name: string;
  readonly make: () => Promise<Machine>;
  readonly within?: <T>(work: Promise<T>) => Promise<T>;
}

const clock = new TestClock();

/** Those that every computer has. */
export const AT_HOME: readonly Station[] = [
  { name: 'reference', make: () => Promise.resolve(referenceOf(SECTIONS)) },
  {
    name: 'simulator',
    make: () => Promise.resolve(simulatorMachine(residentBytes(SECTIONS), MODEL_PROGRAM, TEST_IMAGE)),
  },
  { name: 'cpu', make: async () => await cpuOf(SECTIONS) },
  {
    name: 'virtual board',
    make: async () => {
      const line = new BoardOnALine({ image: goodImageOf(SECTIONS) }, clock);
      const connection = await BoardConnection.open(() => Promise.resolve(line.plugIn()), { clock });
      return new BoardMachine(connection, { capabilities: new Set(['state.1']) });
    },
    within: async (work) => await clock.until(work),
  },
];

/** Of all texts together. */
const TOKENS = count(240, 10_000);
const PROMPT = [5, 6, 7];

const TEXTS = [
  ['greedy', samplerSettings({ temperature: 0, topK: 1, topP: 1, seed: 1n })],
  ['sampled', samplerSettings({ temperature: 1, topK: 40, topP: 0.95, seed: 7n })],
] as const;

/** The tokens of a text of any length: it goes on behind what ends one. */
async function* goingOn(sequence: Sequence, sampler: (typeof TEXTS)[number][1]): AsyncGenerator<GeneratedToken> {
  for (;;) {
    const prompt = sequence.position === 0 ? PROMPT : [];
    yield* sequence.generate({ prompt, maxTokens: 50, sampler });
  }
}

export function itMovesBetween(stations: readonly Station[]): void {
  const names = stations.map(({ name }) => name).join(', ');
  it.each(TEXTS)(
    `saves a %s text at any token, and goes on with it on any of ${names}`,
    async (kind, sampler) => {
      const random = new Prng(17);
      const machines = await Promise.all(
        stations.map(async ({ make, within = (work) => work, name }) => ({
          name,
          within,
          machine: await within(make()),
        })),
      );
      const unmoved = goingOn(await referenceOf(SECTIONS).open(), sampler);
      const visited = new Set<string>();
      let state: SequenceState | undefined;
      let tokens = 0;
      let moves = 0;
      for (; tokens < TOKENS / TEXTS.length; moves++) {
        const { machine, within, name } =
          machines[moves < machines.length ? moves : random.between(0, machines.length - 1)]!;
        visited.add(name);
        const stay = random.between(1, 2 * count(15, 40));
        const before: SequenceState | undefined = state;
        const found = await within(
          (async () => {
            const sequence = await machine.open();
            if (before !== undefined) await sequence.restore(before);
            const chosen: GeneratedToken[] = [];
            for await (const token of goingOn(sequence, sampler)) if (chosen.push(token) === stay) break;
            const file = encodeState({
              image: TEST_IMAGE.sha256,
              shape: SECTIONS.shape,
              state: await sequence.save(),
              sampler,
            });
            await sequence.close();
            state = decodeState(file).state;
            return chosen;
          })(),
        );
        const expected: GeneratedToken[] = [];
        while (expected.length < stay) expected.push((await unmoved.next()).value as GeneratedToken);
        expect(found, `on ${name}, tokens ${tokens} to ${tokens + stay}`).toEqual(expected);
        tokens += stay;
      }
      for (const { machine, within } of machines) await within(machine.close());
      expect(visited.size).toBe(stations.length);
      figure(`states that move between ${names}: ${kind}`, `${tokens} tokens, ${moves} moves, every receipt equal`);
    },
    3_600_000,
  );
}
