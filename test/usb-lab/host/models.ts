/** Models for the scenarios, made on this computer because the guest is slow. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import { goodImageOf } from '../../helpers/good-image.js';
import { tinySections } from '../../helpers/tiny-image.js';
import { MODELS, SMALL_MODELS, TALE } from '../guest/models.js';
import { LabError } from './lab-error.js';
import { CHECKOUT, RUN } from './folders.js';

/** 240 KB: many flashes in a short time, and yet enough sectors to be interrupted between. */
const SHAPE: ModelShape = {
  vocabSize: 256,
  hiddenSize: 128,
  intermediateSize: 192,
  layers: 7,
  bosTokenId: 1,
  eosTokenId: 2,
};

/** A generation, as arguments of `run`, and what the reference on this computer, which is not emulated, makes of it. */
function writeTale(folder: string): void {
  const args = ['run', '--json', '--backend', 'reference', '--image', join(folder, 'red.mmfree'), ...TALE];
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(CHECKOUT, 'dist/cli/main.js'), ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new LabError('the reference tells no tale', `${stdout}${stderr}`);
  writeFileSync(join(folder, 'red.tale.jsonl'), stdout);
}

/** Writes `models/red.mmfree` and the others into the run's folder. */
export function makeModels(): void {
  const folder = join(RUN, 'models');
  mkdirSync(folder, { recursive: true });
  const write = (name: string, seed: number, shape?: ModelShape): void => {
    const image = goodImageOf(tinySections(seed, shape), { name, tokenizer: new Uint8Array(0) });
    writeFileSync(join(folder, `${name}.mmfree`), image);
  };
  for (const [index, name] of MODELS.entries()) write(name, 1000 + index, SHAPE);
  for (const [index, name] of SMALL_MODELS.entries()) write(name, 2000 + index);
  writeTale(folder);
}
