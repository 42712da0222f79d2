/**
 * One to eight threads compute the same text, with every family of kernels that this version of Node computes right,
 * and every receipt is the reference's. Part of a process of its own, because V8's flags hold for a whole process, and
 * because threads that sleep for ever end only with it.
 */
import { setTimeout } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { CpuComputer } from '../../../../model/backends/cpu/cpu-computer.js';
import type { HelperJob } from '../../../../model/backends/cpu/helper.js';
import { loadMatrices, memoryFor, type ReadSection } from '../../../../model/backends/cpu/image-loader.js';
import type { KernelFamily, KernelModules } from '../../../../model/backends/cpu/kernels.js';
import { familiesOfNode } from '../../../../model/backends/cpu/node/families.js';
import { kernelsOfNode } from '../../../../model/backends/cpu/node/node-compiler.js';
import { startThread } from '../../../../model/backends/cpu/node/start-thread.js';
import { moduleBytes } from '../../../../model/backends/cpu/node/module-bytes.js';
import type { ModelSections } from '../../../../protocol/image/model-shape.js';
import { receiptsOf, referenceSequence } from '../../../helpers/machines.js';
import { randomModel } from '../../../oracle/random-model.js';

const MOST_THREADS = 8;
/** Tokens that a step feeds, in turn. */
const ROWS = [1, 1, 1, 5, 1, 2];

/** What was done. */
export interface Together {
  readonly tokens: number;
  readonly threads: number;
  readonly families: readonly KernelFamily[];
}

/** @param most so many tokens, about @throws at the first receipt that differs */
export async function computeTogether(most: number): Promise<Together> {
  const families = familiesOfNode();
  const sections = randomModel(21, { shape: { hiddenSize: 136, intermediateSize: 330, vocabSize: 700 } });
  const length = Math.ceil(most / MOST_THREADS / families.length);
  const tokens = Array.from({ length }, (_, k) => (k * 13 + 5) % 700);
  const expected = await receiptsOf(await referenceSequence(sections), tokens);
  const computer = await computerOf(sections, families);
  const state = computer.allocate(computer.plan.stateBytes);
  for (const family of families) {
    for (let threads = 1; threads <= MOST_THREADS; threads++) {
      computer.configure(family, threads);
      computer.clearState(state);
      const found = receiptsOfSteps(computer, state, tokens);
      const wrong = found.findIndex((receipt, k) => receipt !== expected[k]);
      if (wrong >= 0) throw new Error(`${family}, threads: ${threads}: token ${wrong} has another receipt`);
    }
  }
  return { tokens: length * families.length * MOST_THREADS, threads: computer.listening, families };
}

/** This thread is the first one; returns when all are there. */
async function computerOf(sections: ModelSections, families: readonly KernelFamily[]): Promise<CpuComputer> {
  const modules = modulesOf(families);
  const memory = memoryFor(sections.shape, moduleBytes('transcode'));
  const computer = new CpuComputer(memory, modules, families[0]!);
  const read: ReadSection = (section, offset, into) =>
    into.set(sections[section].subarray(offset, offset + into.length));
  computer.load(read);
  loadMatrices(memory, read);
  for (let thread = 1; thread < MOST_THREADS; thread++) {
    const { port1, port2: port } = new MessageChannel();
    const job: HelperJob = { thread, memory: computer.memory, modules };
    port1.postMessage(job);
    startThread({ port });
  }
  while (computer.listening < MOST_THREADS) await setTimeout(10);
  return computer;
}

/** All of them: together, a family that is better takes the place of another. */
function modulesOf(families: readonly KernelFamily[]): KernelModules {
  const compiled = families.map((family) => kernelsOfNode([family]));
  return { step: compiled[0]!.step, products: new Map(compiled.flatMap(({ products }) => [...products])) };
}

function receiptsOfSteps(computer: CpuComputer, state: number, tokens: readonly number[]): number[] {
  const receipts: number[] = [];
  for (let step = 0; receipts.length < tokens.length; step++) {
    const some = tokens.slice(receipts.length, receipts.length + ROWS[step % ROWS.length]!);
    computer.step(
      some.map((token) => ({ token, from: state, to: state, wantsLogits: true, wantsTaps: false, draw: 0 })),
    );
    receipts.push(...some.map((_, row) => computer.receiptOf(row)));
  }
  return receipts;
}
