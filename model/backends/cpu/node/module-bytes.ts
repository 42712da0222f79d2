/** The modules of the kernels, as the build has made them. */
import { readFileSync } from 'node:fs';
import { packageFile } from '../../../package-file.js';
import type { KernelFamily } from '../kernels.js';

export function moduleBytes(name: KernelFamily | 'dot-probe' | 'step' | 'transcode'): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(packageFile(`dist/model/backends/cpu/${name}.wasm`)));
}
