/**
 * `npm run test:usb [-- <scenario> …]`: boards as real USB devices of a real kernel, without hardware.
 * test/usb-lab/README.md.
 *
 * With --quick only what CI runs of it. With --if-possible it is no failure when this computer cannot run the lab.
 */

import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, exitUnlessZero, root, runNpm, runProgram } from './setup.mjs';

ensureInstalled();
ensureBuilt();
exitUnlessZero(runNpm(['exec', '--', 'tsc', '--project', 'test/usb-lab'], process.stderr));
const lab = join(root, 'dist/test/usb-lab/host/main.js');
process.exitCode = runProgram(process.execPath, [lab, ...process.argv.slice(2)], { cwd: root });
