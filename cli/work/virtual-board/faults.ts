/** What `--fault` of `virtual-board` takes. */
import type { PowerCut } from '../../../firmware-host/firmware/flash/power-cut.js';
import type { FlashTiming } from '../../../firmware-host/firmware/flash/nor-flash.js';
import type { WireFaults } from '../../../firmware-host/virtual/wires/faulty-wire.js';
import type { ModelWeights } from '../../../model/integer/model-weights.js';
import { badValue } from '../../usage-error.js';

export interface BoardFaults {
  readonly wire?: WireFaults;
  readonly damage?: (weights: ModelWeights) => void;
  readonly timing?: FlashTiming;
  readonly powerCut?: PowerCut;
}

/** Typical times of a QSPI part: 45 ms for a sector of 4 KiB, 0.7 ms for a page. */
const REAL_PART: FlashTiming = { eraseMs: 45, programMs: 0.7 };

const FORM = /^(flip|drop|damage|power-cut|slow-flash):(\d{1,9}(?:\.\d{1,9})?)$/;

/** @throws UsageError */
export function parseFaults(texts: readonly string[]): BoardFaults {
  const kinds = texts.map((text) => text.split(':')[0] ?? '');
  const twice = texts.find((_, index) => kinds.indexOf(kinds[index] ?? '') < index);
  if (twice !== undefined) throw badValue('--fault', twice, 'of another kind than the ones before', 'drop:0.01');
  const faults = texts.map(parseFault);
  const wires = faults.flatMap(({ wire }) => wire ?? []);
  const wire = Object.assign({ drop: 0, damage: 0, seed: 1 }, ...wires) as WireFaults;
  return Object.assign({}, ...faults, wires.length > 0 && { wire }) as BoardFaults;
}

/** One of them; of a wire's faults only the one that it names. */
function parseFault(text: string): Omit<BoardFaults, 'wire'> & { readonly wire?: Partial<WireFaults> } {
  const [, kind, number] = FORM.exec(text) ?? [];
  const value = Number(number);
  const isWhole = Number.isInteger(value);
  if (kind === 'flip' && isWhole) return { damage: (weights) => flipBit(weights, value, text) };
  if (kind === 'drop' && value <= 1) return { wire: { drop: value } };
  if (kind === 'damage' && value <= 1) return { wire: { damage: value } };
  if (kind === 'power-cut' && isWhole) return { powerCut: { afterOperations: value, at: 'random-bits', seed: value } };
  if (kind === 'slow-flash') {
    return { timing: { eraseMs: REAL_PART.eraseMs * value, programMs: REAL_PART.programMs * value } };
  }
  const forms = 'flip:LAYER, drop:CHANCE, damage:CHANCE, power-cut:OPERATION or slow-flash:FACTOR';
  throw badValue('--fault', text, forms, 'flip:3');
}

/** Changes one gain of a layer by 2¹³ of 2¹⁵, as a flipped bit does; every value after it is another. */
function flipBit({ layers, shape }: ModelWeights, layer: number, text: string): void {
  const gains = layers[layer]?.attnNorm;
  if (gains === undefined) throw badValue('--fault', text, `a layer from 0 to ${shape.layers - 1}`, 'flip:0');
  // −32768, which bit 13 makes of −24576, is no legal gain.
  const index = gains.findIndex((gain) => gain !== -24_576);
  gains[index] = (gains[index] ?? 0) ^ 0x2000;
}
