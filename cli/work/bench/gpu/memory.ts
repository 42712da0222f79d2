/** What the driver says of the memory of a GPU, where it has a program that says so. */
import { spawnSync } from 'node:child_process';

/** Bytes in use on the (first) NVIDIA card, by all programs; undefined for other cards. */
export function cardBytesInUse(): number | undefined {
  const args = ['--query-gpu=memory.used', '--format=csv,noheader,nounits', '--id=0'];
  const { status, stdout } = spawnSync('nvidia-smi', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const mebibytes = Number(status === 0 ? stdout.trim() : NaN);
  return Number.isFinite(mebibytes) ? mebibytes * 2 ** 20 : undefined;
}
