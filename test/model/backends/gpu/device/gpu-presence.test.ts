import { expect, it } from 'vitest';
import { whyNoGpu, type PresenceSystem } from '../../../../../model/backends/gpu/device/gpu-presence.js';

const NVIDIA = { '/dev': ['null', 'nvidia0'], '/usr/share/vulkan/icd.d': ['nvidia_icd.json'] };

function computer(
  files: Readonly<Record<string, readonly string[]>>,
  change: Partial<PresenceSystem> = {},
): PresenceSystem {
  const list = (folder: string): readonly string[] => files[folder] ?? [];
  return { platform: 'linux', env: { HOME: '/home/me' }, list, hasLibrary: () => true, ...change };
}

it.each<[string, PresenceSystem, string | undefined]>([
  ['an NVIDIA card', computer(NVIDIA), undefined],
  ['Windows under Linux', computer({ ...NVIDIA, '/dev': ['dxg'] }), undefined],
  ['a card of the kernel', computer({ ...NVIDIA, '/dev': [], '/dev/dri': ['card0', 'renderD128'] }), undefined],
  ['a screen without a renderer', computer({ ...NVIDIA, '/dev': [], '/dev/dri': ['card0'] }), 'the system shows none'],
  ['no card', computer({ ...NVIDIA, '/dev': ['null'] }), 'the system shows none'],
  ['a card without the loader', computer(NVIDIA, { hasLibrary: () => false }), 'loader is missing'],
  ['a card without a driver', computer({ '/dev': ['nvidia0'] }), 'no Vulkan driver'],
  [
    'a driver of the user',
    computer({ '/dev': ['nvidia0'], '/home/me/.local/share/vulkan/icd.d': ['x.json'] }),
    undefined,
  ],
  ['a named driver', computer({}, { env: { VK_DRIVER_FILES: '/x.json' } }), undefined],
  ['a driver named the old way', computer({}, { env: { VK_ICD_FILENAMES: '/x.json' } }), undefined],
  ['an empty name', computer({}, { env: { VK_ICD_FILENAMES: '' } }), 'the system shows none'],
  ['macOS, which has Metal', computer({}, { platform: 'darwin', hasLibrary: () => false }), undefined],
  ['Windows', computer({}, { platform: 'win32', hasLibrary: () => false }), undefined],
])('judges %s', (_, system, why) => {
  expect(whyNoGpu(system) ?? 'there may be one').toContain(why ?? 'there may be one');
});

it('asks the linker of this computer', () => {
  const asked: string[] = [];
  whyNoGpu(computer(NVIDIA, { hasLibrary: (name) => asked.push(name) > 0 }));
  expect(asked).toEqual(['libvulkan.so.1']);
});
