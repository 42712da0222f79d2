/** `npm start`: installs, builds, packs the shipped model, checks this machine with it, and tells a tale. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, exitUnlessZero, root, runMmfree, say } from './setup.mjs';

ensureInstalled();
ensureBuilt();

const folder = mkdtempSync(join(tmpdir(), 'mmfree-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const image = join(folder, 'tales-9m.mmfree');

say('pack the shipped checkpoint (18 MB of float16 weights)');
exitUnlessZero(runMmfree(['pack', join(root, 'models/tales-9m'), '-o', image]));
say('check that this machine computes the image bit for bit');
exitUnlessZero(runMmfree(['verify', '--image', image]));
say('tell a tale');
process.exitCode = runMmfree(['run', '--image', image, '--max-tokens', '250', '--seed', '11', 'Once upon a time']);
