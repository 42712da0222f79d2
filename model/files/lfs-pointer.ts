/** Pointers of Git LFS: what lies in a file's place when its repository was cloned without Git LFS. */
import { readSync } from 'node:fs';

/** A pointer is shorter than this, and begins so (github.com/git-lfs/git-lfs, docs/spec.md, "The Pointer"). */
const POINTER_BYTES = 1_024;
const POINTER_START = 'version https://git-lfs.github.com/spec/';

/** What every refusal of one says. */
export const LFS_POINTER_IS = 'is a Git LFS pointer, not the file itself';
export const LFS_POINTER_REASON = 'The repository was cloned without Git LFS, so its large files were not fetched.';
export const lfsPointerFix = (where: string): string =>
  `Run \`git lfs install\` once, then \`git lfs pull\` in ${where}.`;

/** @param descriptor of a regular file with `bytes` bytes; where it is read is not moved */
export function isLfsPointer(descriptor: number, bytes: number): boolean {
  if (bytes >= POINTER_BYTES || bytes < POINTER_START.length) return false;
  const start = Buffer.alloc(POINTER_START.length);
  return readSync(descriptor, start, 0, start.length, 0) === start.length && start.toString('latin1') === POINTER_START;
}
