/** One thread of `checkImage`. What it throws reaches whoever started it, with all its fields. */
import { workerData } from 'node:worker_threads';
import type { CheckJob } from './check-image.js';
import { ImageFile } from './image-file.js';

// The only one to start this thread is `checkImage`.
const { image, part } = workerData as CheckJob;
await (typeof image === 'number' ? ImageFile.open(image) : ImageFile.inMemory(image)).checkPart(part);
