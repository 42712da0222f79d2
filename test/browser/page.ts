/**
 * What the page of page.test.ts does: opens and checks an image by WebCrypto, computes tokens with the reference and
 * the simulator, goes on from a state that Node has saved. It sends what it found to the server that it came from.
 */
import { identityOf } from '../../engine/opened-machine.js';
import { CpuModel } from '../../model/backends/cpu/cpu-model.js';
import { compile, FAMILIES } from '../../model/backends/cpu/kernels.js';
import { readModelWeights } from '../../model/integer/model-weights.js';
import type { Machine } from '../../model/machine/machine.js';
import { referenceMachine } from '../../model/machine/reference.js';
import { simulatorMachine } from '../../model/machine/simulator.js';
import { programOf } from '../../model/program/image-program.js';
import { loadTokenizer } from '../../model/text/tokenizer.js';
import { WEB_CRYPTO } from '../../model/web-crypto.js';
import { imageInMemory, WeightImage } from '../../model/weight-image.js';
import { GREEDY } from '../../protocol/sampling.js';
import { decodeState, encodeState, expectStateOf } from '../../protocol/state/state-file.js';

/** What the page is given, beside `/image`, `/state` and the modules of kernels. */
export interface PageTask {
  readonly tokens: readonly number[];
  /** How many to generate from the state. */
  readonly generate: number;
  readonly texts: readonly string[];
  /** Ed25519. */
  readonly publicKey: readonly number[];
  readonly message: readonly number[];
  readonly signature: readonly number[];
}

/** What it sends back. */
export interface PageResult {
  readonly receipts: readonly number[];
  readonly simulatorReceipts: readonly number[];
  /** Of each family of the processor's kernels. */
  readonly cpuReceipts: Readonly<Record<string, readonly number[]>>;
  /** Ids and receipts. */
  readonly generated: readonly (readonly [number, number])[];
  /** The file of the state behind them. */
  readonly state: readonly number[];
  readonly encoded: readonly (readonly number[])[];
  readonly decoded: readonly string[];
  /** Whether the signature is right, and whether it is with one bit changed. */
  readonly signatures: readonly boolean[];
  /** The code of the error of an image with one bit changed. */
  readonly damage: unknown;
}

async function bytesOf(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await fetch(path)).arrayBuffer());
}

async function receiptsOf(machine: Machine, tokens: readonly number[]): Promise<number[]> {
  const sequence = await machine.open();
  const receipts: number[] = [];
  for await (const { receipt } of sequence.feed(tokens)) receipts.push(receipt);
  return receipts;
}

/** With every family of kernels, on the page's own thread. */
async function receiptsOfKernels(image: WeightImage, tokens: readonly number[]): Promise<Record<string, number[]>> {
  const receipts: Record<string, number[]> = {};
  for (const family of FAMILIES) {
    const [products, step, transcoder] = await Promise.all([
      bytesOf(`/${family}.wasm`),
      bytesOf('/step.wasm'),
      bytesOf('/transcode.wasm'),
    ]);
    const kernels = { step: compile(step), products: new Map([[family, compile(products)]]), transcoder };
    const model = new CpuModel(image.view.shape, kernels, (section, offset, into) =>
      into.set(image.section(section).subarray(offset, offset + into.length)),
    );
    receipts[family] = tokens.map((token) => {
      model.step(token);
      return model.receipt();
    });
  }
  return receipts;
}

async function work(): Promise<PageResult> {
  const task = (await (await fetch('/task')).json()) as PageTask;
  const bytes = await bytesOf('/image');
  const image = new WeightImage(imageInMemory(bytes));
  await image.verify(WEB_CRYPTO);
  const { view } = image;
  const damaged = bytes.slice();
  damaged[view.sections.ternary.offset + 1000]! ^= 1;
  const refusal: unknown = await new WeightImage(imageInMemory(damaged)).verify(WEB_CRYPTO).catch((error) => error);

  const identity = identityOf(view);
  const weights = image.residentWeights();
  const machine = referenceMachine(readModelWeights(weights), identity);
  const saved = decodeState(await bytesOf('/state'));
  expectStateOf(saved, identity.sha256, view.shape);
  const sequence = await machine.open();
  await sequence.restore(saved.state);
  const generated: [number, number][] = [];
  const { sampler = GREEDY } = saved;
  for await (const { id, receipt } of sequence.generate({ prompt: [], maxTokens: task.generate, sampler })) {
    generated.push([id, receipt]);
  }

  const tokenizer = await loadTokenizer(image.section('tokenizer'), view.shape);
  const encoded = task.texts.map((text) => tokenizer.encode(text));
  const decoded = encoded.map((ids) => {
    const stream = tokenizer.textStream();
    return ids.map((id) => stream.push(id)).join('') + stream.flush();
  });

  const { publicKey, message, signature } = task;
  const verified = (change: number): Promise<boolean> => {
    const changed = Uint8Array.from(signature, (byte, at) => (at === 40 ? byte ^ change : byte));
    return WEB_CRYPTO.verifyEd25519(Uint8Array.from(publicKey), Uint8Array.from(message), changed);
  };
  return {
    receipts: await receiptsOf(machine, task.tokens),
    simulatorReceipts: await receiptsOf(simulatorMachine(weights, programOf(view), identity), task.tokens.slice(0, 3)),
    cpuReceipts: await receiptsOfKernels(image, task.tokens),
    generated,
    state: Array.from(encodeState({ ...saved, state: await sequence.save() })),
    encoded,
    decoded,
    signatures: [await verified(0), await verified(1)],
    damage: refusal instanceof Error && 'code' in refusal ? refusal.code : String(refusal),
  };
}

const result = await work().catch((error: unknown) => ({
  error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error),
}));
await fetch('/result', { method: 'POST', body: JSON.stringify(result) });
