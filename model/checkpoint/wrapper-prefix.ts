/**
 * Names of tensors without what PyTorch's wrappers put in front: `torch.compile` gives `_orig_mod.`, data parallelism
 * gives `module.`, and both give both. A checkpoint that was saved from inside a wrapper has them on every tensor.
 */

import { tensorInfo } from './tensor-source.js';
import type { TensorSource } from './tensor-source.js';

const WRAPPERS = ['_orig_mod.', 'module.'];

/** The prefix that every name has; empty if there is none. */
export function wrapperPrefix(names: readonly string[]): string {
  let prefix = '';
  for (;;) {
    const next = WRAPPERS.find((wrapper) => names.every((name) => name.startsWith(prefix + wrapper)));
    if (names.length === 0 || next === undefined) return prefix;
    prefix += next;
  }
}

/** The same tensors under names without `prefix`, which all of them have. */
export function withoutPrefix(source: TensorSource, prefix: string): TensorSource {
  if (prefix === '') return source;
  const names = [...source.tensors.keys()];
  return {
    tensors: new Map(names.map((name) => [name.slice(prefix.length), tensorInfo(source, name)])),
    files: source.files,
    readRaw: (name, byteOffset, into) => source.readRaw(prefix + name, byteOffset, into),
    close: () => source.close(),
  };
}
