/** The machine `cpu` for tests. */
import type { CpuMachine } from '../../model/backends/cpu/cpu-machine.js';
import { openCpu, type CpuImage, type CpuOptions } from '../../model/backends/cpu/node/open-cpu.js';
import { imageInMemory } from '../../model/weight-image.js';
import type { ModelSections, SectionName } from '../../protocol/image/model-shape.js';
import { TEST_IMAGE } from './machines.js';

/**
 * @param options how it is computed: by one thread and the kernels that are tried first, unless it says something else
 */
export async function cpuOf(sections: ModelSections, options: CpuOptions = {}): Promise<CpuMachine> {
  return await openCpu(imageOf(sections), TEST_IMAGE, { threads: 1, isFixed: true, ...options });
}

/** Sections as they would lie in a file, as far as the machine reads it. */
export function imageOf(sections: ModelSections): CpuImage {
  const names = ['tables', 'vectors', 'embedding', 'ternary'] as const;
  const bytes = new Uint8Array(names.reduce((sum, name) => sum + sections[name].length, 0));
  const places: Partial<Record<SectionName, { offset: number; length: number }>> = {};
  let offset = 0;
  for (const name of names) {
    const { length } = sections[name];
    bytes.set(sections[name], offset);
    places[name] = { offset, length };
    offset += length;
  }
  const none = { offset, length: 0 };
  const view = { shape: sections.shape, sections: { ...placesOf(places), tokenizer: none } };
  return { handle: bytes, source: imageInMemory(bytes), view };
}

function placesOf<T>(places: Partial<Record<SectionName, T>>): Record<Exclude<SectionName, 'tokenizer'>, T> {
  // Filled by the loop over the same names.
  return places as Record<SectionName, T>;
}
