/**
 * `npm run bench:train -- [4M] [21M] [370M]`: speed and memory of training on this computer's GPU. Prints one JSON line
 * per shape, with the batches of the published code's measurement: tokens a second (median of five steps behind two),
 * bytes on the GPU, loss, and seconds that each kernel takes in a micro-batch (each in a pass of its own, so their sum
 * is more than what they take together).
 *
 * Random tokens: only speed and memory mean anything. `--micro N` sets the windows that go through the card at a time,
 * `--plain` leaves matrix units alone, `--tiles` prints what was measured of each product and tile before, `--check`
 * compares one micro-batch with that of the plain kernels instead: both losses, and how far gradients are apart.
 *
 * `--unfused [layer] [4M] [21M]` compares with BitLinears whose steps are kernels of their own, keeping what PyTorch's
 * autograd keeps, in alternating rounds: one layer of 2,048 × 2,048 with 65,536 rows, forth and back (`small-layer`:
 * 64 × 64 with 256 rows), and whole models. Memory of a layer is that of all buffers beyond weights, their gradient
 * and inputs; that of a model is of all but what only the other kind uses.
 */

import { comparedLayers, kernelSeconds, LAYERS, load, median, savings } from './bench-layers.mjs';

const { openGpu } = await load('model/backends/gpu/device/adapter.js');
const { elementsOf, expectedTensors } = await load('model/checkpoint/tensor-names.js');
const { parseConfig } = await load('model/checkpoint/read-config.js');
const { randomWindows } = await load('model/train/data/token-stream.js');
const { compareGradients } = await load('model/train/compare-gradients.js');
const { measureProducts } = await load('model/train/gpu/matrix/measure-products.js');
const { planProducts } = await load('model/train/gpu/matrix/plan-products.js');
const { productKey } = await load('model/train/gpu/matrix/products.js');
const { tileName } = await load('model/train/gpu/matrix/tiles.js');
const { productShapes } = await load('model/train/gpu/product-shapes.js');
const { Scratch } = await load('model/train/gpu/unfused/scratch.js');
const { UnfusedBitLinears } = await load('model/train/gpu/unfused/unfused-bitlinears.js');
const { Trainer } = await load('model/train/gpu/trainer.js');
const { microBatchOf } = await load('model/train/run/recipe.js');
const { rowFloatsOf } = await load('model/train/run/train-steps.js');
const { configJsonOf } = await load('model/train/shapes.js');

/** Windows of a step and their length, tokens of the vocabulary: those of the published code's measurement. */
const RUNS = {
  '100K': [8, 64, 4096],
  '4M': [192, 512, 4096],
  '21M': [64, 512, 4096],
  '370M': [8, 2048, 32_000],
};
const STEPS = 7;

const given = process.argv.slice(2);
const taken = (flag) => {
  const place = given.indexOf(flag);
  if (place >= 0) given.splice(place, 1);
  return place >= 0;
};
const plain = taken('--plain');
const tiles = taken('--tiles');
const check = taken('--check');
const unfused = taken('--unfused');
const at = given.indexOf('--micro');
const micro = at < 0 ? undefined : Number(given.splice(at, 2)[1]);
const usual = unfused ? ['layer', '4M', '21M'] : ['4M', '21M', '370M'];
const run = unfused ? compared : check ? checked : measured;
for (const shape of given.length > 0 ? given : usual) {
  try {
    console.log(JSON.stringify(await run(shape)));
  } catch (error) {
    console.log(JSON.stringify({ shape, error: String(error.message ?? error), reason: error.reason }));
  }
}
process.exit();

/** Of a shape: what its batch is, and how its products go. */
async function prepared(shape) {
  const [batch, length, vocabulary] = RUNS[shape];
  const tokens = { vocabulary, bosId: 0, eosId: 0 };
  const config = parseConfig(new TextEncoder().encode(configJsonOf(shape, tokens)), 'config.json');
  const sequences = micro ?? microBatchOf(batch, length, rowFloatsOf(config));
  const gpu = await openGpu();
  const products = plain ? [] : await measureProducts(gpu, productShapes(config, { sequences, length }));
  if (tiles) for (const product of products) console.log(JSON.stringify(factsOf(product)));
  const text = Uint32Array.from({ length: 1 << 20 }, (_, k) => (Math.imul(k, 2_654_435_761) >>> 0) % vocabulary);
  const { tileOf, onMatrixUnits } = planProducts(products);
  const trainerWith = async (how, more = {}) => {
    const settings = {
      batch: { sequences, length },
      targets: batch * length,
      decayed: 'matrices',
      tileOf: how,
      ...more,
    };
    const trainer = await Trainer.create(gpu, config, settings);
    trainer.load(noise(config));
    return trainer;
  };
  const facts = { shape, gpu: gpu.name, batch, length, micro_batch: sequences };
  return { gpu, config, batch, length, sequences, text, tileOf, onMatrixUnits, trainerWith, facts };
}

/** Parameters as wide as those of a new model. They repeat: hundreds of millions would take half a minute to draw. */
function noise(config) {
  const uniform = (k) => (Math.imul(k + 1, 0x9e37_79b1) ^ (k >>> 3)) / 2 ** 31;
  const once = Float32Array.from({ length: 1_000_003 }, (_, k) => 0.02 * (uniform(k) + uniform(~k) + uniform(k << 7)));
  return new Map(
    [...expectedTensors(config)].map(([name, shape]) => {
      const values = new Float32Array(elementsOf(shape));
      if (shape.length === 1) return [name, values.fill(1)];
      if (!name.endsWith('.weight')) return [name, values];
      for (let first = 0; first < values.length; first += once.length) {
        values.set(once.subarray(0, values.length - first), first);
      }
      return [name, values];
    }),
  );
}

async function checked(shape) {
  const { gpu, length, sequences, text, tileOf, onMatrixUnits, trainerWith } = await prepared(shape);
  const results = [];
  for (const how of [() => undefined, tileOf]) {
    const trainer = await trainerWith(how);
    trainer.begin();
    const { ids, targets } = randomWindows(text, { seed: 1n, step: 1, first: 0, count: sequences, length });
    trainer.microBatch(ids, targets);
    results.push({ loss: await trainer.loss(), gradients: await trainer.gradients() });
  }
  const [exact, found] = results;
  const apart = compareGradients(found.gradients, exact.gradients).toSorted(
    (a, b) => b.relativeError - a.relativeError,
  );
  gpu.destroy();
  return {
    shape,
    on_matrix_units: onMatrixUnits,
    losses: [exact.loss, found.loss],
    relative_error: Number(apart[0].relativeError.toExponential(2)),
    of: apart[0].tensor,
  };
}

async function measured(shape) {
  const startMs = performance.now();
  const { gpu, batch, length, sequences, text, tileOf, onMatrixUnits, trainerWith, facts } = await prepared(shape);
  const trainer = await trainerWith(tileOf);
  const startSeconds = (performance.now() - startMs) / 1000;
  const seconds = [];
  let report;
  for (let step = 1; step <= STEPS; step++) {
    const stepMs = performance.now();
    report = await oneStep(trainer, step, { batch, length, sequences, text });
    seconds.push((performance.now() - stepMs) / 1000);
  }
  const middle = median(seconds.slice(2));
  const kernels = await kernelSeconds(gpu, trainer.microBatchKernels.dispatches);
  const result = {
    ...facts,
    seconds: Number(middle.toFixed(4)),
    tokens_per_second: Math.round((batch * length) / middle),
    gpu_gb: Number((trainer.allocatedBytes / 1e9).toFixed(2)),
    loss: Number(report.loss.toFixed(3)),
    on_matrix_units: onMatrixUnits,
    start_seconds: Number(startSeconds.toFixed(1)),
    kernels,
  };
  gpu.destroy();
  return result;
}

async function oneStep(trainer, step, { batch, length, sequences, text }) {
  trainer.begin();
  for (let first = 0; first < batch; first += sequences) {
    const { ids, targets } = randomWindows(text, { seed: 1n, step, first, count: sequences, length });
    trainer.microBatch(ids, targets);
  }
  const settings = { rate: 1e-4, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, decay: 0.01, clip: 1, step };
  return await trainer.update(settings);
}

async function compared(name) {
  return await (name in LAYERS ? comparedLayers(name, { plain }) : comparedModels(name));
}

/** Whole models whose BitLinears are fused or not, in alternating steps. */
async function comparedModels(shape) {
  const { gpu, config, batch, length, sequences, text, tileOf, onMatrixUnits, trainerWith, facts } =
    await prepared(shape);
  const products = productShapes(config, { sequences, length });
  const scratch = new Scratch(gpu);
  const unfusedKernels = (setup, list) => new UnfusedBitLinears(setup, list, { scratch, products, tileOf });
  const trainers = [];
  const bytes = [];
  for (const more of [{}, { bitLinears: unfusedKernels }]) {
    const before = gpu.allocatedBytes;
    const trainer = await trainerWith(tileOf, more);
    const { quantised, dNormed, normedHalves, halves, trits, tritHalves } = trainer.buffers;
    const onlyFused = [quantised, dNormed, normedHalves, halves, trits, tritHalves];
    const unused = more.bitLinears ? onlyFused.reduce((sum, { size }) => sum + size, 0) : 0;
    trainers.push(trainer);
    bytes.push(gpu.allocatedBytes - before - unused);
  }
  const seconds = trainers.map(() => []);
  const losses = trainers.map(() => []);
  for (let step = 1; step <= STEPS; step++) {
    for (const [k, trainer] of trainers.entries()) {
      const stepMs = performance.now();
      const { loss } = await oneStep(trainer, step, { batch, length, sequences, text });
      seconds[k].push((performance.now() - stepMs) / 1000);
      losses[k].push(Number(loss.toFixed(4)));
    }
  }
  const kernels = [];
  for (const trainer of trainers) kernels.push(await kernelSeconds(gpu, trainer.microBatchKernels.dispatches));
  const result = {
    ...facts,
    ...savings(
      seconds.map((all) => median(all.slice(2))),
      bytes,
    ),
    first_losses: losses.map(([first]) => first),
    last_losses: losses.map((all) => all.at(-1)),
    on_matrix_units: onMatrixUnits,
    kernels,
  };
  gpu.destroy();
  return result;
}

function factsOf({ product, plainSeconds, tiles: found, refused }) {
  const microseconds = (seconds) => Math.round(1e6 * seconds);
  const flops = 2 * product.rows * product.outputs * product.inputs;
  return {
    product: productKey(product),
    plain_us: microseconds(plainSeconds),
    tiles: found.map(({ tile, seconds, error, isRight }) => ({
      tile: tileName(tile),
      us: microseconds(seconds),
      tflops: Math.round(flops / seconds / 1e12),
      error: Number(error.toExponential(1)),
      right: isRight,
    })),
    refused,
  };
}
