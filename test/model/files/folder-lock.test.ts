import { mkdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FolderLock } from '../../../model/files/folder-lock.js';
import { temporaryFolder } from '../../helpers/command-line.js';

const path = temporaryFolder();

it('has one holder at a time, and is free when that lets go', () => {
  mkdirSync(path('folder'));
  const [one, other] = [new FolderLock(), new FolderLock()];
  one.take(path('folder'));
  expect(() => other.take(path('folder'))).toThrow(expect.objectContaining({ code: 'file-in-use' }) as Error);
  one.take(path('folder'));
  one.release();
  other.take(path('folder'));
  one.release();
  expect(() => one.take(path('folder'))).toThrow('is in use');
  other.release();
});
