/**
 * `npm run study:scaling -- FOLDER… -o PICTURE.svg`: the loss curves of several runs of `mmfree train` in one picture, and
 * a line of each run. docs/TRAINING.md has a study and its commands.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from './setup.mjs';

const { lossCurves } = await import(pathToFileURL(join(root, 'dist/model/train/run/loss-curve.js')).href);

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { output: { type: 'string', short: 'o' } },
});
if (positionals.length === 0 || values.output === undefined) {
  console.error(
    'error: folders of runs and a picture are missing\nfix:   npm run study:scaling -- run-1 run-2 -o scaling.svg',
  );
  process.exit(2);
}
const curves = positionals.map((folder) => {
  const steps = readFileSync(join(folder, 'train.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { name: basename(folder), steps, tokensPerStep: steps[0].tokens / steps[0].step };
});
writeFileSync(values.output, lossCurves(curves));
for (const { name, steps, tokensPerStep } of curves) {
  const last = steps.slice(-50);
  const mean = last.reduce((sum, { loss }) => sum + loss, 0) / last.length;
  console.log(
    `${name}: ${steps.length * tokensPerStep} tokens, mean loss of the last ${last.length} steps ${mean.toFixed(4)}`,
  );
}
