/** Where the lab keeps its things: in an ignored folder of the checkout, which outlasts a build. */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This file runs as dist/test/usb-lab/host/folders.js. */
export const CHECKOUT = fileURLToPath(new URL('../../../..', import.meta.url)).replace(/\/$/, '');

const CACHE = join(CHECKOUT, 'node_modules/.cache/mmfree-usb-lab');

/** Kernels that were downloaded and unpacked. */
export const KERNELS = join(CACHE, 'kernels');

/** The guest's first file system. */
export const INITRAMFS = join(CACHE, 'initramfs');

/** What a run leaves: progress, result, logs. The guest writes here. */
export const RUN = join(CACHE, 'run');
