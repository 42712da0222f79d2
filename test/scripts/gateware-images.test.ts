/**
 * The images that benches of the gateware run, as the script writes them: they are right, and what it says of them is
 * what the oracle computes.
 */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { ImageFile } from '../../model/image-file.js';
import { MODEL_PROGRAM } from '../../model/program/model-program.js';
import { temporaryFolder } from '../helpers/command-line.js';
import { BigIntModel } from '../oracle/bigint-model.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/gateware-images.mjs', import.meta.url));
const path = temporaryFolder();
const run = (...args: string[]): string => execFileSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8' });
const hex = (value: number): string => value.toString(16).padStart(8, '0');

describe('the images for benches', () => {
  let printed = '';
  beforeAll(() => {
    printed = run('-o', path('images'), '--tokens', '5');
  });

  const NAMES = ['h5-i7-l2-v11', 'h12-i20-l3-v37', 'h64-i192-l2-v128'].flatMap((shape) =>
    ['plausible', 'extreme', 'carrying'].map((kind) => `${shape}-${kind}`),
  );

  it('are the nine of the document', () => {
    expect(printed.trimEnd().split('\n')).toEqual(NAMES.map((name) => `${path('images')}/${name}.mmfree`));
  });

  it.each(NAMES)('%s can be used, and comes with what the oracle computes', async (name) => {
    const image = ImageFile.openChecked(path(`images/${name}.mmfree`));
    const [tables, vectors, embedding, ternary] = (['tables', 'vectors', 'embedding', 'ternary'] as const).map(
      (section) => image.section(section),
    );
    const { shape, program } = image.view;
    image.close();
    expect(program).toEqual(MODEL_PROGRAM);

    const oracle = new BigIntModel({
      shape,
      tables: tables!,
      vectors: vectors!,
      embedding: embedding!,
      ternary: ternary!,
    });
    const lines = (await readFile(path(`images/${name}.tokens.jsonl`), 'utf8')).trimEnd().split('\n');
    const trace = await readFile(path(`images/${name}.trace.txt`), 'utf8');
    const traced = [...trace.matchAll(/^(?:tap|receipt) 1 ([0-9a-f]{8})$/gm)].map(([, value]) => value);
    const computed = lines.flatMap((line, position) => {
      const { token, ...recorded } = JSON.parse(line);
      const { taps, receipt } = oracle.step(token);
      expect(recorded).toEqual({ position, taps: taps.map(hex), receipt: hex(receipt) });
      return [...taps, receipt].map(hex);
    });
    expect(lines).toHaveLength(5);
    expect(traced).toEqual(computed);
  });

  it('are of other shapes if they are named', () => {
    const made = run(
      '-o',
      path('own'),
      '--tokens',
      '1',
      '--only',
      'plausible',
      '--shape',
      '3,4,1,9',
      '--shape',
      '8,8,2,16',
    );
    const names = ['h3-i4-l1-v9-plausible', 'h8-i8-l2-v16-plausible'];
    expect(made.trimEnd().split('\n')).toEqual(names.map((name) => `${path('own')}/${name}.mmfree`));
    const image = ImageFile.openChecked(path('own/h3-i4-l1-v9-plausible.mmfree'));
    expect(image.view.shape).toMatchObject({ hiddenSize: 3, intermediateSize: 4, layers: 1, vocabSize: 9 });
    image.close();
  });

  it.each(['3,4,1', '0,4,1,9', '3,4,257,9', '3,4,1,1', '3,4,1,9,9'])('are not of the shape %s', (shape) => {
    const args = [SCRIPT, '-o', path('none'), '--shape', shape];
    expect(() => execFileSync(process.execPath, args, { stdio: 'pipe' })).toThrow('usage: node scripts/gateware');
  });

  it('need a folder', () => {
    expect(() => execFileSync(process.execPath, [SCRIPT], { stdio: 'pipe' })).toThrow('usage: node scripts/gateware');
  });
});
