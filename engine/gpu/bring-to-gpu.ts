/** From an open image and an open GPU to a model that may be used: compiled, loaded and checked side by side. */
import type { GpuDevice } from '../../model/backends/gpu/device/gpu-device.js';
import { loadGpuModel, type GpuModel } from '../../model/backends/gpu/gpu-model.js';
import { prepareKernels } from '../../model/backends/gpu/run-kernels.js';
import { DEFAULT_PLAN } from '../../model/backends/gpu/kernel-plan.js';
import { checkImage } from '../../model/check-image.js';
import type { ImageFile } from '../../model/image-file.js';
import { loadTokenizer, type Tokenizer } from '../../model/text/tokenizer.js';
import type { ImageView } from '../../protocol/image/image-reader.js';
import type { EngineOptions } from '../options.js';
import { knownPlan, tunedPlan } from './tuned-plan.js';

/** A model on a GPU and the image that it came from. Whoever has it destroys `model.gpu`. */
export interface LoadedModel {
  readonly model: GpuModel;
  readonly view: ImageView;
  readonly tokenizerJson: Uint8Array;
  readonly tokenizer?: Promise<Tokenizer>;
}

/** @param text whether the tokenizer will be needed @throws GpuError; ImageError; AbortError */
export async function bringToGpu(
  gpu: GpuDevice,
  image: ImageFile,
  options: EngineOptions,
  text: boolean,
): Promise<LoadedModel> {
  const { shape } = image.view;
  const tokenizerJson = image.section('tokenizer');
  const known = knownPlan(gpu, shape);
  await prepareKernels({ gpu, shape, plan: known ?? DEFAULT_PLAN });
  // While the driver compiles.
  const loading = loadFrom(image, gpu);
  const checking = checkImage(image, options.signal);
  const tokenizer = text && tokenizerJson.length > 0 ? loadTokenizer(tokenizerJson, shape) : undefined;
  // Whoever awaits it gets the error.
  tokenizer?.catch(() => {});
  // Both to their end, whatever happens to one: both read the file.
  const [checked, loaded] = await Promise.allSettled([checking, loading]);
  // What is wrong with an image may be what the GPU stumbled over.
  if (checked.status === 'rejected') throw checked.reason;
  if (loaded.status === 'rejected') throw loaded.reason;
  // Each has read the file for itself: neither memory has room for a second copy.
  image.source.assertUnchanged();
  const model = { ...loaded.value, plan: known ?? (await tunedPlan(loaded.value, options)) };
  return { model, view: image.view, tokenizerJson, ...(tokenizer && { tokenizer }) };
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
