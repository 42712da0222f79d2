/** `npm start`: installs, builds, then packs the shipped model and tells a tale with it, each token checked. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, exitUnlessZero, root, runMmfree, say } from './setup.mjs';

ensureInstalled();
ensureBuilt();

const folder = mkdtempSync(join(tmpdir(), 'mmfree-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const image = join(folder, 'tales-9m.mmfree');

say('pack the shipped model');
exitUnlessZero(runMmfree(['pack', join(root, 'models/tales-9m'), '-o', image]));
say('tell a tale, checking each token');
process.exitCode = runMmfree(['run', '--image', image, '--backend', 'reference', '--verify', 'Once upon a time']);
