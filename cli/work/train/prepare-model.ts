/** `mmfree train`: the model that is to be trained, and its text as tokens. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfig } from '../../../model/checkpoint/read-config.js';
import type { ModelConfig } from '../../../model/config.js';
import { readRegular } from '../../../model/files/input-file.js';
import { MAX_TOKENIZER_BYTES } from '../../../model/text/tokenizer-file.js';
import { loadTokenizer, type Tokenizer } from '../../../model/text/tokenizer.js';
import type { Corpus } from '../../../model/train/data/corpus.js';
import type { TokenStore } from '../../../model/train/data/token-store.js';
import { encodePieces } from '../../../model/train/data/token-stream.js';
import { initialParameters } from '../../../model/train/initial-parameters.js';
import { readParameters, type Tensors } from '../../../model/train/parameters.js';
import { checkTrainable, configJsonOf, type ShapeName } from '../../../model/train/shapes.js';
import { tooLittleText } from '../../../model/train/train-error.js';
import { tokenizerFacts } from '../../../model/train/tokenizer/tokenizer-facts.js';
import { tokenizerOf, WordCounts } from '../../../model/train/tokenizer/train-bpe.js';
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

/** Of a new run. @param fallback the shape where none is named */
export async function newModel(
  input: NewRun,
  corpus: Corpus,
  fallback: ShapeName,
  context: CommandContext,
): Promise<PreparedModel & { readonly parameters: (seed: bigint) => Tensors }> {
  const { output, signal } = context;
  if (input.from !== undefined) {
    const checkpoint = await openCheckpointAloud(input.from, context);
    try {
      const parameters = await readParameters(checkpoint);
      const { config, configJson, tokenizerJson = new Uint8Array(0) } = checkpoint;
      return { ...(await modelOf(config, configJson, tokenizerJson)), parameters: () => parameters };
    } finally {
      await checkpoint.close();
    }
  }
  const given =
    input.config === undefined ? undefined : await readRegular(input.config, { limitBytes: MAX_CONFIG_BYTES, signal });
  const configured = given && parseConfig(given, input.config ?? '');
  let tokenizerJson: Uint8Array;
  if (input.tokenizer === undefined) {
    const vocabulary = input.vocab ?? configured?.vocabSize ?? VOCABULARY;
    output.note(`making a tokenizer of ${vocabulary} tokens`);
    const words = await wordsOf(corpus, context);
    tokenizerJson = new TextEncoder().encode(await tokenizerOf(words, vocabulary, signal));
  } else {
    tokenizerJson = await readRegular(input.tokenizer, { limitBytes: MAX_TOKENIZER_BYTES, signal });
  }
  const configJson =
    given ?? new TextEncoder().encode(configJsonOf(input.shape ?? fallback, tokenizerFacts(tokenizerJson)));
  const config = configured ?? parseConfig(configJson, 'config.json');
  const model = await modelOf(config, configJson, tokenizerJson);
  return { ...model, parameters: (seed) => initialParameters(config, seed) };
}

/** Of a run that goes on: what is in its folder. */
export async function modelIn(folder: string): Promise<PreparedModel> {
  const configPath = join(folder, 'config.json');
  const configJson = await readFile(configPath);
  const tokenizerJson = await readFile(join(folder, 'tokenizer.json'));
  return await modelOf(parseConfig(configJson, configPath), configJson, tokenizerJson);
}

async function modelOf(config: ModelConfig, configJson: Uint8Array, tokenizerJson: Uint8Array): Promise<PreparedModel> {
  checkTrainable(config);
  return { config, configJson, tokenizerJson, tokenizer: await loadTokenizer(tokenizerJson, config) };
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

/** All documents as one stream. @throws TrainError if it is shorter than a window of `context` tokens and one more */
export async function tokensOf(
  corpus: Corpus,
  { config, tokenizer }: PreparedModel,
  windowTokens: number,
  { output, signal }: CommandContext,
): Promise<TokenStore> {
  const progress = output.progress({ label: 'tokens', unit: 'bytes', total: corpus.characters });
  let done = 0;
  const tokens = await encodePieces(corpus.pieces(), tokenizer, config, (characters) => {
    signal.throwIfAborted();
    progress.update((done += characters));
  });
  progress.end();
  if (tokens.length <= windowTokens) throw tooLittleText(tokens.length, windowTokens + 1);
  return tokens;
}
