import fc from 'fast-check';
import { expect, it } from 'vitest';
import { entryText, parseEntry, virtualBoardFolder } from '../../protocol/virtual-board-entry.js';

const ENTRY = { pid: 12, serial: 'VB-12', addresses: ['tcp:127.0.0.1:4711', 'serial:/dev/pts/3'] };

it('reads what it writes', () => {
  const marked = { ...ENTRY, mark: { namespace: 'pid:[4026531836]', started: '41' } };
  expect([parseEntry(entryText(ENTRY)), parseEntry(entryText(marked))]).toEqual([ENTRY, marked]);
});

it.each<[string, object | string]>([
  ['no JSON', '{'],
  ['no object', '7'],
  ['null', 'null'],
  ['no process', { ...ENTRY, pid: 0 }],
  ['half a process', { ...ENTRY, pid: 1.5 }],
  ['text for a process', { ...ENTRY, pid: '12' }],
  ['a serial number with a line break', { ...ENTRY, serial: 'a\nb' }],
  ['no serial number', { ...ENTRY, serial: '' }],
  ['no address', { ...ENTRY, addresses: [] }],
  ['an address that is none', { ...ENTRY, addresses: ['http://x'] }],
  ['a mark that is none', { ...ENTRY, mark: { namespace: 'pid:[1]' } }],
  ['an address that is no text', { ...ENTRY, addresses: [7] }],
])('takes %s for none', (_, value) => {
  expect(parseEntry(typeof value === 'string' ? value : JSON.stringify(value))).toBeUndefined();
});

it('takes any JSON for one or for none', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const entry = parseEntry(text);
      expect(entry === undefined || entry.addresses.length > 0).toBe(true);
    }),
  );
});

it.each([
  [{}, '/tmp/me/mmfree-boards'],
  [{ XDG_RUNTIME_DIR: '/run/user/7' }, '/run/user/7/mmfree-boards'],
  [{ XDG_RUNTIME_DIR: '/run/user/7', MMFREE_RUNTIME_DIR: '/here' }, '/here'],
  [{ XDG_RUNTIME_DIR: '', MMFREE_RUNTIME_DIR: '' }, '/tmp/me/mmfree-boards'],
])('with %j lies in %s', (env, folder) => {
  expect(virtualBoardFolder(env, '/tmp/me')).toBe(folder);
});
