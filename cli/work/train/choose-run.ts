/** `mmfree train`: what nobody told, chosen by a measurement of the device and the length of the text. */
import { totalmem } from 'node:os';
import type { GpuDevice } from '../../../model/backends/gpu/device/gpu-device.js';
import type { ModelConfig } from '../../../model/config.js';
import { bindable, weightTokensPerSecond } from '../../../model/train/gpu/measure-device.js';
import { parameterLayout, weightsOf } from '../../../model/train/gpu/parameter-layout.js';
import {
  chooseShape,
  chooseTokens,
  chooseWindows,
  USUAL_SECONDS,
  type Circumstances,
} from '../../../model/train/run/run-choice.js';
import type { ShapeName } from '../../../model/train/shapes.js';
import { counted } from '../../../protocol/counted.js';
import type { CommandContext } from '../../command.js';
import type { NewRun } from './train-input.js';

/** One choice, as it is told and written down. */
export interface ToldChoice {
  readonly of: 'shape' | 'context' | 'batch' | 'steps';
  readonly value: number | string;
  readonly reason: string;
}

/** Makes what is left open of one run, and says why. */
export class RunChoices {
  readonly made: ToldChoice[] = [];
  readonly #input: NewRun;
  readonly #gpu: GpuDevice;
  readonly #textTokens: number;
  readonly #output: CommandContext['output'];
  #speed: number | undefined;

  /** @param textTokens how long the text is */
  constructor(input: NewRun, gpu: GpuDevice, textTokens: number, { output }: CommandContext) {
    this.#input = input;
    this.#gpu = gpu;
    this.#textTokens = textTokens;
    this.#output = output;
  }

  /** Of a model that is named by nothing. @param vocabulary tokens of its tokenizer @throws GpuError */
  async shape(vocabulary: number): Promise<ShapeName> {
    const choice = chooseShape(vocabulary, await this.#circumstances());
    this.#tell({ of: 'shape', ...choice });
    return choice.value;
  }

  /** @throws GpuError */
  async windows(config: ModelConfig): Promise<{ readonly context: number; readonly batch: number }> {
    const { context, batch } = this.#input;
    if (context !== undefined && batch !== undefined) return { context, batch };
    const tokens = this.#input.tokens ?? (await this.#tokensInTime(config));
    const chosen = chooseWindows(tokens, this.#textTokens, { context, batch });
    if (context === undefined) this.#tell({ of: 'context', ...chosen.context });
    if (batch === undefined) this.#tell({ of: 'batch', ...chosen.batch });
    return { context: chosen.context.value, batch: chosen.batch.value };
  }

  /** @param secondsPerStep measures the trainer itself */
  async steps(config: ModelConfig, tokensPerStep: number, secondsPerStep: () => Promise<number>): Promise<number> {
    const { steps, tokens, minutes } = this.#input;
    if (steps !== undefined) return steps;
    if (tokens !== undefined) return Math.ceil(tokens / tokensPerStep);
    const seconds = await secondsPerStep();
    if (minutes !== undefined) return Math.max(1, Math.floor((60 * minutes) / seconds));
    const chosen = chooseTokens(
      weightsOf(parameterLayout(config)),
      { textTokens: this.#textTokens, seconds: USUAL_SECONDS },
      tokensPerStep / seconds,
    );
    const value = Math.max(1, Math.floor(chosen.value / tokensPerStep));
    this.#tell({ of: 'steps', value, reason: chosen.reason });
    return value;
  }

  /** What a step is made of, where its number is not told. */
  async #tokensInTime(config: ModelConfig): Promise<number> {
    const weights = weightsOf(parameterLayout(config));
    const circumstances = await this.#circumstances();
    const tokensPerSecond = circumstances.weightTokensPerSecond / weights;
    if (this.#input.minutes !== undefined) return circumstances.seconds * tokensPerSecond;
    return chooseTokens(weights, circumstances, tokensPerSecond).value;
  }

  async #circumstances(): Promise<Circumstances> {
    const { tokens, minutes } = this.#input;
    const seconds = minutes === undefined ? USUAL_SECONDS : 60 * minutes;
    const speed = (this.#speed ??= await this.#measuredSpeed());
    return {
      weightTokensPerSecond: speed,
      memoryBytes: memoryOf(this.#gpu),
      textTokens: this.#textTokens,
      seconds,
      tokens,
    };
  }

  async #measuredSpeed(): Promise<number> {
    const startMs = performance.now();
    const speed = await weightTokensPerSecond(this.#gpu);
    const seconds = (performance.now() - startMs) / 1000;
    this.#output.note(
      `measured for ${seconds.toFixed(1)} s: a model of a million weights would learn ${grouped(speed / 1e6)} tokens a second here`,
    );
    this.#output.event('device', {
      gpu: this.#gpu.name,
      weight_tokens_per_second: speed,
      memory_bytes: memoryOf(this.#gpu),
      text_tokens: this.#textTokens,
      seconds,
    });
    return speed;
  }

  #tell(choice: ToldChoice): void {
    this.made.push(choice);
    const { of, value, reason } = choice;
    this.#output.note(`${of === 'steps' ? counted(Number(value), 'step') : `${of} ${value}`}: ${reason}`);
    this.#output.event('choice', { ...choice });
  }
}

/**
 * Bytes that a run may take for weights, and as many again for rows: of memory WebGPU says only how large a buffer may
 * be. Software, and many cards, take it from the computer's.
 */
export function memoryOf(gpu: GpuDevice): number {
  return Math.min(bindable(gpu), totalmem() / 4);
}

function grouped(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}
