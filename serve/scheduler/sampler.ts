/** Chooses from logits that a machine gave: all images have the same table. */
import { Sampler } from '../../model/integer/sampler.js';
import { exp2Table } from '../../protocol/image/tables.js';

export const sampler = new Sampler(exp2Table());
