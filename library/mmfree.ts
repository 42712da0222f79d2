/**
 * mmfree as a library: what `import … from 'mmfree'` gives. Guide: docs/guides/library.md.
 *
 * The same promises as those of the commands hold: equal bits on every machine, and bytes from outside are checked
 * before they are used. Importing this loads no machine; each is loaded when it is opened.
 */

export { readImage, type ImageFacts } from './image.js';
export { listBoards, machineKinds, openMachine, type BoardFacts, type MachineOptions } from './machines.js';
export { pack, type PackSettings } from './pack.js';
export { generate, openText, type GenerateOptions, type Text, type TextPiece } from './text.js';
export { verifyReceipts, type ReceiptLog, type Verdict } from './receipts.js';

// One level lower: token ids, states as values.
export type { OpenedMachine } from '../engine/opened-machine.js';
export type { Mismatch, TapMismatch } from '../engine/mismatch-error.js';
export type {
  FeedOptions,
  GeneratedToken,
  GenerateRequest,
  ImageIdentity,
  Machine,
  MachineAbilities,
  MachineFacts,
  Sequence,
  StepRecord,
  Want,
} from '../model/machine/machine.js';
export { samplerSettings, type SamplerOptions } from '../model/integer/sampler.js';
export type { HeldStream, TextStream } from '../model/text/text-stream.js';
export type { Tokenizer } from '../model/text/tokenizer.js';
export { MmfreeError, type ErrorDetails } from '../protocol/errors.js';
export type { ChatTemplate, TemplateToken } from '../protocol/image/chat-template.js';
export type { ManifestSource, SelfTest } from '../protocol/image/manifest.js';
export type { ModelShape } from '../protocol/image/model-shape.js';
export type { SamplerSettings } from '../protocol/sampling.js';
export type { SequenceState, StateShape } from '../protocol/state/sequence-state.js';
export { decodeState, encodeState, type HeldText, type SavedState } from '../protocol/state/state-file.js';
