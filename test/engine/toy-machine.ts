/** The one file that a new machine is: the reference's model under another name, or one that miscounts. */
import { openImage } from '../../engine/kinds/reference.js';
import type { MachineKind } from '../../engine/machines.js';
import { IntegerModel } from '../../model/integer/integer-model.js';
import { readModelWeights } from '../../model/integer/model-weights.js';
import { TurnTakingMachine } from '../../model/machine/turns.js';

/** A model whose first logit is one too large. */
class MiscountingModel extends IntegerModel {
  override step(token: number, wantLogits = true): void {
    super.step(token, wantLogits);
    if (wantLogits) this.logits[0]! += 1;
  }
}

/** Its line in the table. */
export function toyKind(kind: string, { miscounts }: { readonly miscounts: boolean }): MachineKind {
  return {
    kind,
    takesImage: true,
    isFast: true,
    onThisThread: false,
    open: async ({ image }, { signal }) =>
      await openImage(image, signal, (file, identity) => {
        const weights = readModelWeights(file.residentWeights());
        const model = miscounts ? new MiscountingModel(weights) : new IntegerModel(weights);
        return new TurnTakingMachine(kind, identity, model, weights.exp2);
      }),
  };
}
