/**
 * `node scripts/headers.mjs`: writes the constants of image and wire for other languages, `docs/firmware/mmfree.h` for
 * C and `gateware/rtl/mmf_messages.vh` for Verilog. Both are in the repository; a test says whether they are those of
 * the tables.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, root } from './setup.mjs';

ensureBuilt();
const { cHeader } = await import('../dist/protocol/headers/c-header.js');
const { verilogHeader } = await import('../dist/protocol/headers/verilog-header.js');

const sha256 = (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest());
mkdirSync(join(root, 'docs/firmware'), { recursive: true });
writeFileSync(join(root, 'docs/firmware/mmfree.h'), cHeader(sha256));
writeFileSync(join(root, 'gateware/rtl/mmf_messages.vh'), verilogHeader(sha256));
