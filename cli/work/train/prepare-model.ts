/** `mmfree train`: the model that is to be trained, and its text as tokens. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfig } from '../../../model/checkpoint/read-config.js';
import type { ModelConfig } from '../../../model/config.js';
import { readRegular } from '../../../model/files/input-file.js';
import { TokenizerError } from '../../../model/text/tokenizer-error.js';
import { MAX_TOKENIZER_BYTES } from '../../../model/text/tokenizer-file.js';
import { loadTokenizer, type Tokenizer } from '../../../model/text/tokenizer.js';
import type { Corpus } from '../../../model/train/data/corpus.js';
import type { TokenStore } from '../../../model/train/data/token-store.js';
import { encodePieces } from '../../../model/train/data/token-stream.js';
import { initialParameters } from '../../../model/train/initial-parameters.js';
import { readParameters, type Tensors } from '../../../model/train/parameters.js';
import { checkTrainable, configJsonOf, type ShapeName } from '../../../model/train/shapes.js';
import { badTokenizer, unusableTokenizer, type TokenizerSource } from '../../../model/train/train-error.js';
import { tokenizerFacts } from '../../../model/train/tokenizer/tokenizer-facts.js';
import { tokenizerOf, WordCounts } from '../../../model/train/tokenizer/train-bpe.js';
import { MODEL_LIMITS } from '../../../protocol/image/model-shape.js';
import type { CommandContext } from '../../command.js';
import { openCheckpointAloud } from '../open-checkpoint.js';
import { VOCABULARY, type NewRun } from './train-input.js';

/** A model and its files. */
export interface PreparedModel {
  readonly config: ModelConfig;
  readonly configJson: Uint8Array;
  readonly tokenizerJson: Uint8Array;
  readonly tokenizer: Tokenizer;
}

const MAX_CONFIG_BYTES = 1 << 20;
/** Of a tokenizer that is made: every byte, and what ends a text. */
const LEAST_VOCABULARY = 257;
const TOO_SMALL = `One that is made of text has a token for each byte and one that ends a text: ${LEAST_VOCABULARY} at least.`;

/** The model of a new run, which is in the smallest shape as long as none is told or chosen. */
export interface NewModel extends PreparedModel {
  /** As it begins. */
  readonly parameters: (seed: bigint) => Tensors;
  /** The same with another shape; undefined: its shape is settled. */
  readonly inShape?: (shape: ShapeName) => Promise<NewModel>;
}

export async function newModel(input: NewRun, corpus: Corpus, context: CommandContext): Promise<NewModel> {
  const { output, signal } = context;
  if (input.from !== undefined) {
    const checkpoint = await openCheckpointAloud(input.from, context);
    try {
      const parameters = await readParameters(checkpoint);
      const { config, configJson, tokenizerJson = new Uint8Array(0) } = checkpoint;
      const source = { from: 'checkpoint', path: input.from } as const;
      return { ...(await modelOf(config, configJson, tokenizerJson, source)), parameters: () => parameters };
    } finally {
      await checkpoint.close();
    }
  }
  const given =
    input.config === undefined ? undefined : await readRegular(input.config, { limitBytes: MAX_CONFIG_BYTES, signal });
  const configured = given && parseConfig(given, input.config ?? '');
  const source: TokenizerSource =
    input.tokenizer === undefined
      ? { from: 'text', path: input.config ?? '' }
      : { from: 'file', path: input.tokenizer };
  let tokenizerJson: Uint8Array;
  if (input.tokenizer === undefined) {
    const vocabulary = input.vocab ?? configured?.vocabSize ?? VOCABULARY;
    if (vocabulary < LEAST_VOCABULARY) throw badTokenizer(source, TOO_SMALL, vocabulary);
    output.note(`making a tokenizer of ${vocabulary} tokens`);
    const words = await wordsOf(corpus, context);
    tokenizerJson = new TextEncoder().encode(await tokenizerOf(words, vocabulary, signal));
  } else {
    tokenizerJson = await readRegular(input.tokenizer, { limitBytes: MAX_TOKENIZER_BYTES, signal });
  }
  const settled = async (configJson: Uint8Array): Promise<NewModel> => {
    const config = parseConfig(configJson, input.config ?? 'config.json');
    const model = await modelOf(config, configJson, tokenizerJson, source, given && config.vocabSize);
    return { ...model, parameters: (seed) => initialParameters(config, seed) };
  };
  if (given) return await settled(given);
  const facts = tokenizerFacts(tokenizerJson);
  if (facts.vocabulary > MODEL_LIMITS.vocabSize) {
    const problem = `It has a token with the id ${facts.vocabulary - 1}, and a model has ${MODEL_LIMITS.vocabSize} tokens at most.`;
    throw badTokenizer(source, problem, undefined);
  }
  const inShape = async (shape: ShapeName): Promise<NewModel> =>
    await settled(new TextEncoder().encode(configJsonOf(shape, facts)));
  if (input.shape !== undefined) return await inShape(input.shape);
  return { ...(await inShape('100K')), inShape };
}

/** Of a run that goes on: what is in its folder. */
export async function modelIn(folder: string): Promise<PreparedModel> {
  const configPath = join(folder, 'config.json');
  const configJson = await readFile(configPath);
  const tokenizerJson = await readFile(join(folder, 'tokenizer.json'));
  return await modelOf(parseConfig(configJson, configPath), configJson, tokenizerJson, { from: 'run', path: folder });
}

/** @param modelTokens as for `badTokenizer` */
async function modelOf(
  config: ModelConfig,
  configJson: Uint8Array,
  tokenizerJson: Uint8Array,
  source: TokenizerSource,
  modelTokens?: number,
): Promise<PreparedModel> {
  checkTrainable(config);
  try {
    return { config, configJson, tokenizerJson, tokenizer: await loadTokenizer(tokenizerJson, config) };
  } catch (error) {
    if (!(error instanceof TokenizerError)) throw error;
    throw unusableTokenizer(source, error, tokenizerJson.length === 0, modelTokens);
  }
}

async function wordsOf(corpus: Corpus, { output, signal }: CommandContext): Promise<WordCounts> {
  const progress = output.progress({ label: 'words', unit: 'bytes', total: corpus.characters });
  const words = new WordCounts();
  let done = 0;
  for await (const { text } of corpus.pieces()) {
    words.add(text);
    signal.throwIfAborted();
    progress.update((done += text.length));
  }
  progress.end();
  return words;
}

/** All documents as one stream. */
export async function tokensOf(
  corpus: Corpus,
  { config, tokenizer }: Pick<PreparedModel, 'config' | 'tokenizer'>,
  { output, signal }: CommandContext,
): Promise<TokenStore> {
  const progress = output.progress({ label: 'tokens', unit: 'bytes', total: corpus.characters });
  let done = 0;
  const tokens = await encodePieces(corpus.pieces(), tokenizer, config, (characters) => {
    signal.throwIfAborted();
    progress.update((done += characters));
  });
  progress.end();
  return tokens;
}
