/**
 * An image on this computer's processor, in WebAssembly: loaded while it is checked, and used only when it has passed.
 * The file stays open.
 */
import type { CpuMachine } from '../../model/backends/cpu/cpu-machine.js';
import { openCpu, type CpuOptions } from '../../model/backends/cpu/node/open-cpu.js';
import { checkBesideLoading } from '../../model/check-image.js';
import { ImageFile } from '../../model/image-file.js';
import { SettingCache } from '../../model/backends/cpu/node/setting-cache.js';
import type { Tokenizer } from '../../model/text/tokenizer.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import type { MachineRequest } from '../machine-request.js';
import { identityOf, PROCESSOR, type OpenedImage } from '../opened-machine.js';
import type { EngineOptions } from '../options.js';
import { SHIPPED_IMAGE } from '../shipped.js';

/** @param how instead of what was measured before @throws CpuError; ImageError; AbortError */
export async function openCpuMachine(
  { image, threads, text = false }: Pick<MachineRequest, 'image' | 'threads' | 'text'>,
  { signal }: Pick<EngineOptions, 'signal'>,
  how?: Pick<CpuOptions, 'setting' | 'isFixed'>,
): Promise<OpenedImage<CpuMachine>> {
  const path = image ?? SHIPPED_IMAGE;
  const file = ImageFile.open(path);
  try {
    const { view } = file;
    const loading = openCpu(file, identityOf(view), {
      threads,
      ...(how ?? measuredBefore(view.shape, threads)),
    });
    const tokenizerJson = file.section('tokenizer');
    const tokenizer = text && tokenizerJson.length > 0 ? tokenizerFor(tokenizerJson, view.shape) : undefined;
    // Whoever awaits it gets the error.
    tokenizer?.catch(() => {});
    // Both to their end, whatever happens to one: both read the file.
    const [checked, loaded] = await Promise.allSettled([checkBesideLoading(file, signal), loading]);
    try {
      // What is wrong with an image may be what its loading stumbled over.
      if (checked.status === 'rejected') throw checked.reason;
      if (loaded.status === 'rejected') throw loaded.reason;
      file.source.assertUnchanged();
    } catch (error) {
      if (loaded.status === 'fulfilled') await loaded.value.close();
      throw error;
    }
    const machine = loaded.value;
    machine.onClosed(() => file.close());
    const { chat } = view.manifest;
    const opened = { machine, view, tokenizerJson, chat, imageName: path, imagePath: path, place: PROCESSOR };
    return { ...opened, ...(tokenizer && { tokenizer }) };
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * What an earlier run has measured, if there was one; what this one measures is kept. Measuring costs nobody time, so
 * nobody is told if it cannot be.
 */
function measuredBefore(shape: ModelShape, threads?: number): CpuOptions {
  const cache = new SettingCache(shape, threads);
  return { setting: cache.read(), onMeasured: (setting) => void cache.write(setting).catch(() => {}) };
}

/** Whoever computes without text does without six megabytes of rules for it. */
async function tokenizerFor(tokenizerJson: Uint8Array, shape: ModelShape): Promise<Tokenizer> {
  const { loadTokenizer } = await import('../../model/text/tokenizer.js');
  return await loadTokenizer(tokenizerJson, shape);
}
