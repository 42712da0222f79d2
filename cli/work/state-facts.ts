/** What `inspect` says about a saved state. */
import { temperatureOf } from '../../model/integer/sampler.js';
import { hexOf, hexOfWord } from '../../protocol/hex.js';
import { MAX_TOP_P, seedOf, type SamplerSettings } from '../../protocol/sampling.js';
import type { HeldText, SavedState } from '../../protocol/state/state-file.js';
import type { JsonObject } from '../output.js';

/** The same facts for programs and for people. */
export function describeState(saved: SavedState): { readonly facts: JsonObject; readonly lines: readonly string[] } {
  const { image, shape, state, sampler, held, tokens } = saved;
  const { position, lastReceipt, chosen, nextDraw, words } = state;
  const receipt = lastReceipt === undefined ? undefined : hexOfWord(lastReceipt);
  const settings = sampler && settingsOf(sampler);
  return {
    facts: {
      image_sha256: hexOf(image),
      vocab_size: shape.vocabSize,
      hidden_size: shape.hiddenSize,
      intermediate_size: shape.intermediateSize,
      layers: shape.layers,
      position,
      last_receipt: receipt ?? null,
      chosen_token: chosen ?? null,
      next_draw: nextDraw,
      state_bytes: words.byteLength,
      sampler: settings ?? null,
      held_text: held === undefined ? null : heldFacts(held),
      tokens: tokens === undefined ? null : Array.from(tokens),
    },
    lines: [
      `state of      the image with sha256 ${hexOf(image)}`,
      `shape         ${shape.layers} layers, hidden ${shape.hiddenSize}, intermediate ${shape.intermediateSize}, vocabulary ${shape.vocabSize}`,
      `position      ${position} fed${receipt === undefined ? '' : `, the last one with receipt ${receipt}`}`,
      `chosen        ${chosen === undefined ? 'no token: only a prompt can follow' : `token ${chosen}, not fed yet`}; ${nextDraw} were drawn`,
      `sampler       ${settings === undefined ? 'not told' : `temperature ${settings.temperature}, top-k ${settings.top_k}, top-p ${settings.top_p}, seed ${settings.seed}`}`,
      `held back     ${held === undefined ? 'not told' : `${held.text.length} bytes of text, ${held.run.length} bytes that are no text yet`}`,
      `tokens        ${tokens === undefined ? 'not told' : `all ${tokens.length} that were fed`}`,
    ],
  };
}

/** As people give them, as far as the integers tell. */
function settingsOf(sampler: SamplerSettings) {
  const { topK, topP } = sampler;
  return {
    temperature: temperatureOf(sampler),
    top_k: topK,
    top_p: Math.round((topP / MAX_TOP_P) * 10_000) / 10_000,
    seed: String(seedOf(sampler)),
  };
}

function heldFacts({ hasBegun, text, run, isRunBroken }: HeldText): JsonObject {
  return {
    has_begun: hasBegun,
    text: new TextDecoder().decode(text),
    run: hexOf(run),
    run_is_broken: isRunBroken,
  };
}
