/**
 * The kernels of one micro-batch, forth and back, and those of a step. Read top to bottom it is docs/TRAINING.md:
 * `forth` of each block, the head with the loss, `back` of each block from the last to the first.
 */
import type { BufferPart } from '../../backends/gpu/device/gpu-device.js';
import {
  blockNames,
  EMBEDDINGS,
  FINAL_NORM,
  HEAD,
  LOWER_BOUNDS,
  type BitLinearNames,
} from '../../checkpoint/tensor-names.js';
import type { BitLinearKernels } from './bitlinear-kernels.js';
import { KernelList } from './kernel-list.js';
import { blockSums, matrixMeans } from './kernels/absolute-means.js';
import { bitsOf, crossEntropy } from './kernels/cross-entropy.js';
import { embed, embedBack } from './kernels/embedding.js';
import { gateOutput, gateOutputBack } from './kernels/gate-output.js';
import { gluBack, gluForth, gluGroups } from './kernels/glu.js';
import { lowerBounds, lowerBoundsBack, lowerBoundsGroups } from './kernels/lower-bounds.js';
import { mlgruGroups, scanBack, scanBackCarries, scanCarries, scanChunks, scanForth } from './kernels/mlgru.js';
import { adamW, gradientNorm, lossSum, squareSums, sweeps } from './kernels/optimiser.js';
import { rowGroup } from './kernels/reduce-rows.js';
import { ternarise } from './kernels/ternarise.js';
import { BLOCK } from './parameter-layout.js';
import { headPieces, type LayerBuffers } from './training-buffers.js';
import type { TrainingSetup } from './training-setup.js';

/** Loss and gradients of one micro-batch, which are added to what is there. */
export function microBatchKernels(setup: TrainingSetup): KernelList {
  const list = new KernelList(setup.gpu);
  const { config, batch, buffers } = setup;
  const rows = batch.sequences * batch.length;
  const kernels = new MicroBatch(setup, list);
  list.add(
    'embed',
    embed(config.hiddenSize),
    [kernels.parameter(EMBEDDINGS), buffers.ids, buffers.layers[0].x],
    [rows],
  );
  for (let l = 0; l < config.layers; l++) kernels.forth(l);
  kernels.head();
  for (let l = config.layers - 1; l >= 0; l--) kernels.back(l);
  list.add(
    'embed-back',
    embedBack(config.hiddenSize),
    [buffers.dx, buffers.order, buffers.runs, kernels.gradient(EMBEDDINGS)],
    [Math.min(rows, config.vocabSize)],
  );
  if (config.useLowerBound) {
    list.add(
      'bounds-back',
      lowerBoundsBack(config.layers, config.hiddenSize, buffers.boundStride),
      [kernels.parameter(LOWER_BOUNDS), buffers.dBounds, kernels.gradient(LOWER_BOUNDS)],
      [lowerBoundsGroups(config.hiddenSize)],
    );
  }
  list.add('loss', lossSum(rows), [buffers.losses, buffers.report], [1]);
  return list;
}

/** What follows from the parameters: means, trits, lower bounds. */
export function preparingKernels({ gpu, own, config, layout, buffers, halves }: TrainingSetup): KernelList {
  const list = new KernelList(gpu);
  const matrices = [...layout.places.values()].filter(({ matrix }) => matrix !== undefined);
  const table = matrices.flatMap(({ offset, length }) => [offset / BLOCK, Math.ceil(length / BLOCK), length, 0]);
  const matrixOf = new Uint32Array(layout.ternary / BLOCK);
  for (const { offset, length, matrix = 0 } of matrices) {
    matrixOf.fill(matrix, offset / BLOCK, offset / BLOCK + Math.ceil(length / BLOCK));
  }
  const blocks = layout.ternary / BLOCK;
  const groups = [Math.min(blocks, 32_768), Math.ceil(blocks / 32_768)] as const;
  const { parameters, means, trits, bounds } = buffers;
  list.add('block-sums', blockSums(), [parameters, buffers.blockSums], groups);
  list.add(
    'means',
    matrixMeans(),
    [buffers.blockSums, own.filled('matrices', Uint32Array.from(table)), means],
    [matrices.length],
  );
  const tritParts = [parameters, means, own.filled('matrix of', matrixOf), trits];
  if (halves) tritParts.push(buffers.tritHalves);
  list.add('ternarise', ternarise(halves), tritParts, groups);
  if (config.useLowerBound) {
    const { offset, length } = layout.places.get(LOWER_BOUNDS)!;
    list.add(
      'bounds',
      lowerBounds(config.layers, config.hiddenSize, buffers.boundStride),
      [{ buffer: parameters, offset: 4 * offset, size: 4 * length }, bounds],
      [lowerBoundsGroups(config.hiddenSize)],
    );
  }
  return list;
}

/** Norm of the gradients and the optimiser's step. @param decayed so many parameters decay, from the first on */
export function updatingKernels({ gpu, layout, buffers }: TrainingSetup, decayed: number): KernelList {
  const list = new KernelList(gpu);
  const { parameters, gradient, first, second, report, step } = buffers;
  list.add('square-sums', squareSums(layout.total), [gradient, buffers.squareSums], [sweeps(layout.total)]);
  list.add('gradient-norm', gradientNorm(layout.total), [buffers.squareSums, report], [1]);
  list.add(
    'adamw',
    adamW(layout.total, decayed),
    [parameters, gradient, first, second, report, step],
    [sweeps(layout.total)],
  );
  return list;
}

class MicroBatch {
  readonly #setup: TrainingSetup;
  readonly #list: KernelList;
  readonly #rows: number;
  readonly #linear: BitLinearKernels;

  constructor(setup: TrainingSetup, list: KernelList) {
    this.#setup = setup;
    this.#list = list;
    this.#rows = setup.batch.sequences * setup.batch.length;
    this.#linear = setup.bitLinears(setup, list);
  }

  parameter(name: string): BufferPart {
    return this.#linear.parameter(name);
  }

  gradient(name: string): BufferPart {
    return this.#linear.gradient(name);
  }

  /** What comes out of a block. */
  #after(l: number): GPUBuffer {
    return this.#setup.buffers.layers[l + 1]?.x ?? this.#setup.buffers.last;
  }

  forth(l: number): void {
    const { config, buffers } = this.#setup;
    const { hiddenSize: h, intermediateSize: i } = config;
    const layer = buffers.layers[l];
    const names = blockNames(l);
    for (const part of ['i', 'f', 'g'] as const) {
      this.#linear.quantise(layer.x, names[part], h, { behind: names.attnNorm });
      this.#linear.product(names[part], { outputs: h, inputs: h }, layer[part]);
    }
    this.#scan(layer, this.#bound(l));
    this.#gated(layer, names.gNorm, names.o);
    this.#linear.product(names.o, { outputs: h, inputs: h }, layer.middle, layer.x);
    this.#linear.quantise(layer.middle, names.gateUp, h, { behind: names.mlpNorm });
    this.#linear.product(names.gateUp, { outputs: 2 * i, inputs: h }, layer.u);
    this.#glued(layer, names.down);
    this.#linear.product(names.down, { outputs: h, inputs: i }, this.#after(l), layer.middle);
  }

  /** `dx` is the gradient behind the block, and then the one in front of it. */
  back(l: number): void {
    const { config, batch, buffers } = this.#setup;
    const { hiddenSize: h, intermediateSize: i } = config;
    const { dx, dPlain, dBlock, dStates, dg } = buffers;
    const layer = buffers.layers[l];
    const names = blockNames(l);
    const square = { outputs: h, inputs: h };

    const narrow = { outputs: h, inputs: i };
    this.#glued(layer, names.down, this.#linear.formForBack(narrow));
    this.#linear.back(names.down, narrow, { v: buffers.plain, dOut: dx, dv: dPlain });
    this.#list.add('glu-back', gluBack(i), [layer.u, dPlain], gluGroups(this.#rows, i));
    const wide = { outputs: 2 * i, inputs: h };
    this.#linear.quantise(layer.middle, names.gateUp, h, {
      behind: names.mlpNorm,
      form: this.#linear.formForBack(wide),
    });
    this.#linear.back(names.gateUp, wide, { v: layer.middle, dOut: layer.u, dv: dBlock, behind: names.mlpNorm });
    this.#linear.normBack(names.mlpNorm, h, { v: layer.middle, dy: dBlock, dv: dx, adds: true });

    this.#gated(layer, names.gNorm, names.o, this.#linear.formForBack(square));
    this.#linear.back(names.o, square, { v: buffers.plain, dOut: dx, dv: dPlain });
    const group = rowGroup(h / 4, 0);
    this.#list.add(
      'gate-back',
      gateOutputBack(h, group),
      [layer.g, this.parameter(names.gNorm), layer.h, buffers.gateStats, dPlain, dStates],
      [this.#rows],
    );
    this.#linear.normBack(names.gNorm, h, { v: layer.g, dy: dPlain, dv: dg, stats: buffers.gateStats });
    this.#scanBack(layer, this.#bound(l));
    const sums = batch.sequences * scanChunks(batch.length);
    this.#linear.sumPartials(h, sums, this.#boundOf(buffers.dBounds, l));
    for (const [part, dOut] of [
      ['i', layer.i],
      ['f', layer.f],
      ['g', dg],
    ] as const) {
      this.#linear.quantise(layer.x, names[part], h, {
        behind: names.attnNorm,
        form: this.#linear.formForBack(square),
      });
      this.#linear.back(names[part], square, {
        v: layer.x,
        dOut,
        dv: dBlock,
        behind: names.attnNorm,
        adds: part !== 'i',
      });
    }
    this.#linear.normBack(names.attnNorm, h, { v: layer.x, dy: dBlock, dv: dx, adds: true });
  }

  /** Logits of some rows at a time: their loss and gradients, of which only those of the normed input remain. */
  head(): void {
    const { gpu, own, config, buffers, weight, pieceRows } = this.#setup;
    const { hiddenSize: h, vocabSize: v } = config;
    const { last, logits, losses, targets, halves, dBlock, dx } = buffers;
    const shape = { outputs: v, inputs: h };
    const pieces = headPieces(this.#rows, pieceRows);
    this.#linear.quantise(last, HEAD, h, { behind: FINAL_NORM });
    if (pieces.some((part) => this.#linear.takesHalvesOnly(shape, part))) {
      this.#linear.quantise(last, HEAD, h, { behind: FINAL_NORM, form: 'half' });
    }
    const bound = own.filled('bound of gradients', Uint32Array.of(bitsOf(weight)));
    for (const part of pieces) {
      const { first, rows } = part;
      const isHalf = this.#linear.takesHalvesOnly(shape, part);
      this.#linear.product(HEAD, shape, logits, undefined, part);
      const words = (buffer: GPUBuffer): BufferPart => ({ buffer, offset: 4 * first, size: 4 * rows });
      const code = crossEntropy(v, weight, rowGroup(v / 4, gpu.features.subgroup), isHalf);
      const parts = [logits, words(targets), words(losses), ...(isHalf ? [halves] : [])];
      this.#list.add('cross-entropy', code, parts, [rows]);
      this.#linear.productsBack(HEAD, shape, logits, part, isHalf ? { buffer: bound } : undefined);
    }
    this.#linear.ownNormBack(HEAD, h, { v: last, dv: dBlock, behind: FINAL_NORM });
    this.#linear.normBack(FINAL_NORM, h, { v: last, dy: dBlock, dv: dx });
  }

  /** Of all scans; `carries` are there where sequences go in several chunks. */
  #scans() {
    const { config, batch, buffers } = this.#setup;
    const shape = [batch.sequences, batch.length, config.hiddenSize] as const;
    const carries = scanChunks(batch.length) > 1 ? [buffers.carries] : [];
    return { shape, groups: [mlgruGroups(...shape)], carries } as const;
  }

  #scan({ i, f, h }: LayerBuffers, bound: BufferPart): void {
    const { shape, groups, carries } = this.#scans();
    if (carries.length > 0) this.#list.add('scan', scanCarries(...shape), [i, f, bound, ...carries], groups);
    this.#list.add('scan', scanForth(...shape), [i, f, bound, h, ...carries], groups);
  }

  #scanBack({ i, f, h }: LayerBuffers, bound: BufferPart): void {
    const { dStates, partials } = this.#setup.buffers;
    const { shape, groups, carries } = this.#scans();
    if (carries.length > 0) {
      this.#list.add('scan-back', scanBackCarries(...shape), [f, bound, dStates, ...carries], groups);
    }
    this.#list.add('scan-back', scanBack(...shape), [i, f, bound, h, dStates, partials, ...carries], groups);
  }

  /** What goes into `o`, quantised. */
  #gated(layer: LayerBuffers, gNorm: string, o: BitLinearNames, form: 'int8' | 'half' = 'int8'): void {
    const { gpu, config, buffers } = this.#setup;
    const h = config.hiddenSize;
    this.#list.add(
      'gate',
      gateOutput(h, config.rmsNormEps, rowGroup(h / 4, gpu.features.subgroup)),
      [layer.g, this.parameter(gNorm), layer.h, buffers.plain, buffers.gateStats],
      [this.#rows],
    );
    this.#linear.quantise(buffers.plain, o, h, { form });
  }

  /** What goes into `down`, quantised. */
  #glued(layer: LayerBuffers, down: BitLinearNames, form: 'int8' | 'half' = 'int8'): void {
    const { config, buffers } = this.#setup;
    const i = config.intermediateSize;
    this.#list.add('glu', gluForth(i), [layer.u, buffers.plain], gluGroups(this.#rows, i));
    this.#linear.quantise(buffers.plain, down, i, { form });
  }

  #bound(l: number): BufferPart {
    return this.#boundOf(this.#setup.buffers.bounds, l);
  }

  #boundOf(buffer: GPUBuffer, l: number): BufferPart {
    const { boundStride } = this.#setup.buffers;
    return { buffer, offset: 4 * l * boundStride, size: 4 * this.#setup.config.hiddenSize };
  }
}
