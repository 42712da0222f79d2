/** `npm run mmfree -- <arguments>`: the command line from a checkout, installed and built when needed. */

import { ensureBuilt, ensureInstalled, runMmfree } from './setup.mjs';

ensureInstalled();
ensureBuilt();
process.exitCode = runMmfree(process.argv.slice(2));
