/** An image on the GPU: loaded while it is checked, and used only when it has passed. */
import { openGpu } from '../../model/backends/gpu/adapter.js';
import { GpuBackend } from '../../model/backends/gpu/gpu-backend.js';
import type { GpuDevice } from '../../model/backends/gpu/gpu-device.js';
import { loadGpuModel, type GpuModel } from '../../model/backends/gpu/gpu-model.js';
import { prepareKernels } from '../../model/backends/gpu/gpu-sequences.js';
import { DEFAULT_PLAN } from '../../model/backends/gpu/kernel-plan.js';
import { checkImage } from '../../model/check-image.js';
import { ImageFile } from '../../model/image-file.js';
import { loadTokenizer, type Tokenizer } from '../../model/text/tokenizer.js';
import type { ImageView } from '../../protocol/image/image-reader.js';
import type { CommandContext } from '../command.js';
import type { TokenSource } from './token-source.js';
import { knownPlan, tunedPlan } from './tuned-plan.js';

/** A model on a GPU and the image that it came from. Whoever has it destroys `model.gpu`. */
export interface LoadedModel {
  readonly model: GpuModel;
  readonly view: ImageView;
  readonly tokenizerJson: Uint8Array;
  readonly tokenizer?: Promise<Tokenizer>;
}

/** A backend on a GPU and the image it runs. */
export interface LoadedGpu extends TokenSource {
  readonly backend: GpuBackend;
  readonly view: ImageView;
}

/** Adapters that will do. */
export interface GpuChoice {
  /** One that is open already, and stays so. */
  readonly gpu?: GpuDevice;
  /** Also one that is a program: slower than the reference, and the same to tests. */
  readonly software: boolean;
  /** Make the tokenizer, if there is one, while the driver compiles. */
  readonly text?: boolean;
}

/** Brings an image to the GPU and checks it. @throws GpuError; ImageError; AbortError. Everything is freed then. */
export async function loadGpu(path: string, context: CommandContext, choice: GpuChoice): Promise<LoadedGpu> {
  const { model, ...loaded } = await loadChecked(path, context, choice);
  try {
    const backend = await GpuBackend.create(model);
    return { ...loaded, backend, imageName: path, imagePath: path };
  } catch (error) {
    model.gpu.destroy();
    throw error;
  }
}

/** The model alone, for those who run several sequences on it. @throws GpuError; ImageError; AbortError */
export async function loadChecked(path: string, context: CommandContext, choice: GpuChoice): Promise<LoadedModel> {
  const { signal } = context;
  const image = ImageFile.open(path);
  let gpu: GpuDevice | undefined;
  try {
    gpu = choice.gpu ?? (await openGpu(choice));
    const { shape } = image.view;
    const known = await knownPlan(gpu, shape);
    await prepareKernels({ gpu, shape, plan: known ?? DEFAULT_PLAN });
    // While the driver compiles.
    const loading = loadFrom(image, gpu);
    const checking = checkImage(image, signal);
    const tokenizerJson = image.section('tokenizer');
    const tokenizer =
      choice.text === true && tokenizerJson.length > 0 ? loadTokenizer(tokenizerJson, shape) : undefined;
    // Whoever awaits it gets the error.
    tokenizer?.catch(() => {});
    // Both to their end, whatever happens to one: both read the file.
    const [checked, loaded] = await Promise.allSettled([checking, loading]);
    // What is wrong with an image may be what the GPU stumbled over.
    if (checked.status === 'rejected') throw checked.reason;
    if (loaded.status === 'rejected') throw loaded.reason;
    const model = { ...loaded.value, plan: known ?? (await tunedPlan(loaded.value, context)) };
    return { model, view: image.view, tokenizerJson, ...(tokenizer && { tokenizer }) };
  } catch (error) {
    if (choice.gpu === undefined) gpu?.destroy();
    throw error;
  } finally {
    image.close();
  }
}

/** Reads the weights from the file straight into what is uploaded. */
async function loadFrom({ source, view }: ImageFile, gpu: GpuDevice): Promise<GpuModel> {
  const { shape, sections } = view;
  return await loadGpuModel(
    gpu,
    shape,
    (section, offset, into) => source.readInto(sections[section].offset + offset, into),
    DEFAULT_PLAN,
  );
}
