/** The machine `cpu` for tests. */
import { CpuMachine } from '../../model/backends/cpu/cpu-machine.js';
import type { CpuJob } from '../../model/backends/cpu/cpu-messages.js';
import { familiesOfNode } from '../../model/backends/cpu/node/families.js';
import { startThreads, type CpuImage } from '../../model/backends/cpu/node/open-cpu.js';
import type { ModelSections, SectionName } from '../../protocol/image/model-shape.js';
import { TEST_IMAGE } from './machines.js';

/** @param job how it is computed: by one thread and the kernels that are tried first, unless it says something else */
export async function cpuOf(sections: ModelSections, job: Partial<CpuJob> = {}): Promise<CpuMachine> {
  const { shape } = sections;
  const how = { shape, families: familiesOfNode(), threads: 1, isFixed: true, ...job };
  const image = imageOf(sections);
  const thread = startThreads({ ...how, image: image.handle, sections: image.view.sections });
  return await CpuMachine.create(shape, TEST_IMAGE, thread);
}

/** Sections as they would lie in a file, as far as the machine reads it. */
function imageOf(sections: ModelSections): CpuImage {
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
  return { handle: bytes, view: { shape: sections.shape, sections: { ...placesOf(places), tokenizer: none } } };
}

function placesOf<T>(places: Partial<Record<SectionName, T>>): Record<Exclude<SectionName, 'tokenizer'>, T> {
  // Filled by the loop over the same names.
  return places as Record<SectionName, T>;
}
