import { expect, it } from 'vitest';
import { describeAdapter } from '../../../../cli/work/doctor/gpu.js';
import { largestBinding } from '../../../../model/backends/gpu/weights/gpu-weights.js';

const ADAPTER = {
  name: 'H100',
  isFallback: false,
  subgroup: 32,
  matrices: true,
  timestamps: true,
  maxBufferSize: 2 ** 31,
  maxStorageBufferBindingSize: 2 ** 31 - 4,
  maxComputeWorkgroupStorageSize: 49_152,
};
const MIB = 2 ** 20;

it('shows what an adapter offers', () => {
  expect(describeAdapter(ADAPTER, largestBinding)).toEqual({
    state: 'ok',
    text: 'H100, subgroups of 32, matrix units, timestamps, buffers to 2,048 MiB, bound to 2,047 MiB, 48 KiB a workgroup; holds every part of the published models',
  });
});

// The embedding is the largest part: 32,000 rows of H + 4 bytes.
it.each([
  [31, '370M, 1.3B, 2.7B'],
  [40, '1.3B, 2.7B'],
  [64, '2.7B'],
])('warns where a binding of %i MiB is too small for a published model', (mebibytes, names) => {
  const finding = describeAdapter({ ...ADAPTER, maxStorageBufferBindingSize: mebibytes * MIB }, largestBinding);
  expect(finding.state).toBe('warn');
  expect(finding.text).toContain(`too small for a part of ${names}`);
});

it('says what an adapter lacks, and that software is not taken by itself', () => {
  const { text } = describeAdapter(
    { ...ADAPTER, isFallback: true, subgroup: 0, matrices: false, timestamps: false },
    largestBinding,
  );
  for (const word of ['software', 'no subgroups', 'no matrix units', 'no timestamps']) expect(text).toContain(word);
});
