/** `mmfree pack`: the work. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { hexOf } from '../../../protocol/hex.js';
import { ANY_ID, DFU_SUFFIX_BYTES, encodeDfuSuffix, sourceCrc32 } from '../../../protocol/dfu-suffix.js';
import { OUR_PRODUCT, OUR_VENDOR } from '../../../device/usb/ids.js';
import { badChatTemplate, noTokenizerFile } from '../../../model/checkpoint/checkpoint-error.js';
import { quoted } from '../../../model/quoted.js';
import { checkOutputs } from '../../../model/files/output-file.js';
import { readAny, readRegular } from '../../../model/files/input-file.js';
import { packCheckpoint } from '../../../model/pack/pack.js';
import { assemble } from '../../../model/program/assembler.js';
import { checkProgram } from '../../../model/program/program-check.js';
import { loadTokenizer, type Tokenizer } from '../../../model/text/tokenizer.js';
import type { ByteSource } from '../../../protocol/byte-source.js';
import type { ChatTemplate } from '../../../protocol/image/chat-template.js';
import { MAX_NAME_BYTES, UNPRINTABLE } from '../../../protocol/image/manifest-fields.js';
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import { utf8Length } from '../../../protocol/utf8.js';
import type { CommandContext } from '../../command.js';
import { badValue, UsageError } from '../../usage-error.js';
import { describeImage, megabytes, FACT_INDENT } from '../image-facts.js';
import { openCheckpointAloud } from '../open-checkpoint.js';
import { MAX_KEY_BYTES, MAX_PROGRAM_BYTES } from '../input-limits.js';
import type { PackInput } from './input.js';
import { packUf2 } from './uf2.js';

const MAX_NAMES_SHOWN = 5;

export async function pack(input: PackInput, context: CommandContext): Promise<void> {
  if (input.uf2) return await packUf2(input, context);
  if (input.firmware !== undefined) throw firmwareWithoutUf2();
  const { output, signal } = context;
  if (input.name !== undefined) checkName(input.name);
  const privateKey = input.sign === undefined ? undefined : await readPrivateKey(input.sign, signal);
  const found = await openCheckpointAloud(input.checkpoint, context);
  const checkpoint = {
    ...found,
    tokenizerJson: input.tokenizer ? found.tokenizerJson : undefined,
    chat: input.chatTemplate ? found.chat : undefined,
  };
  try {
    const inputs = [input.sign, input.program].filter((path) => path !== undefined);
    await checkOutputs([input.output], [...checkpoint.files, ...inputs]);
    const { config, tokenizerJson } = checkpoint;
    if (input.tokenizer && tokenizerJson === undefined) throw noTokenizerFile(input.checkpoint);
    const tokenizer =
      tokenizerJson && (await loadTokenizer(tokenizerJson, config, join(input.checkpoint, 'tokenizer.json')));
    if (tokenizer) noteDropped(tokenizer, context);
    if (tokenizerJson && checkpoint.chat)
      await expectTemplate(checkpoint.chat, tokenizerJson, config, input.checkpoint);
    const program = input.program === undefined ? undefined : await readProgram(input.program, config, signal);
    const totalBytes = [...checkpoint.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    const progress = output.progress({ label: 'pack', unit: 'bytes', total: totalBytes });
    const startMs = performance.now();
    const name = input.name ?? (await folderName(input.checkpoint));
    const result = await packCheckpoint(checkpoint, input.output, {
      inputs,
      ...(name !== undefined && { name }),
      revision: input.revision,
      ...(privateKey && { privateKey }),
      ...(program && { program }),
      ...(input.dfu && { suffix: dfuSuffix }),
      onProgress: (doneBytes) => progress.update(doneBytes),
      signal,
    });
    progress.end();
    const seconds = (performance.now() - startMs) / 1000;
    const { facts, lines } = describeImage(result.image);
    const selfTest = textOf(tokenizer, result.image.manifest.selfTest.tokens);
    output.printLines(
      [
        `${input.checkpoint} → ${input.output}`,
        ...lines,
        `file sha256   ${hexOf(result.fileSha256)}${input.dfu ? `, without the DFU suffix of ${DFU_SUFFIX_BYTES} bytes` : ''}`,
        `self-test     ${selfTest}`,
        `time          ${seconds.toFixed(1)} s, ${megabytes(totalBytes / seconds)}/s of checkpoint`,
      ],
      FACT_INDENT,
    );
    output.result({
      ...facts,
      file_sha256: hexOf(result.fileSha256),
      checkpoint_bytes: totalBytes,
      seconds,
      bytes_per_second: totalBytes / seconds,
    });
  } finally {
    await checkpoint.close();
  }
}

function firmwareWithoutUf2(): UsageError {
  return new UsageError('conflicting-options', '--firmware needs --uf2', {
    reason: 'An image holds a model; firmware goes beside it in a UF2 file only.',
    fix: 'Add --uf2, or leave --firmware out.',
  });
}

/** That the template renders what somebody says: else only who talks with the model would find out. */
async function expectTemplate(
  chat: ChatTemplate,
  tokenizerJson: Uint8Array,
  shape: ModelShape,
  folder: string,
): Promise<void> {
  const { Texts } = await import('../../../serve/text/texts.js');
  const texts = new Texts({ tokenizerJson, shape, chat });
  try {
    await texts.render([{ role: 'user', content: 'Hello' }]);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badChatTemplate(folder, `of a message of the user it makes nothing: ${why}`, error);
  } finally {
    await texts.close();
  }
}

/** For boards of ours, of any release. */
function dfuSuffix(image: ByteSource): Uint8Array {
  const ids = { vendor: OUR_VENDOR, product: OUR_PRODUCT, release: ANY_ID };
  return encodeDfuSuffix(sourceCrc32(image, image.length), ids);
}

/** Says which added tokens can never occur. */
function noteDropped({ dropped }: Tokenizer, { output }: CommandContext): void {
  if (dropped.length === 0) return;
  const shown = dropped.slice(0, MAX_NAMES_SHOWN).map((name) => quoted(name));
  const more = dropped.length > shown.length ? `, and ${dropped.length - shown.length} more` : '';
  output.note(
    `added tokens that the model has no row for, and which are text like any other: ${shown.join(', ')}${more}`,
  );
}

/** The self-test's tokens, as text if there is a tokenizer. */
function textOf(tokenizer: Tokenizer | undefined, tokens: Uint32Array): string {
  const ids = Array.from(tokens).join(' ');
  if (!tokenizer) return ids;
  const stream = tokenizer.textStream();
  const pieces = Array.from(tokens, (id) => stream.push(id)).join('') + stream.flush();
  return `${ids}  ${JSON.stringify(pieces)}`;
}

/** The model's name unless one is given: that of the checkpoint's folder, whatever path or link led there. */
async function folderName(checkpoint: string): Promise<string | undefined> {
  const name = basename(await realpath(checkpoint));
  // A folder may be called as no image can be: then the packer makes a name of the shape.
  return isName(name) ? name : undefined;
}

function isName(name: string): boolean {
  return name !== '' && !UNPRINTABLE.test(name) && utf8Length(name) <= MAX_NAME_BYTES;
}

function checkName(name: string): void {
  if (isName(name)) return;
  const expected = `1 to ${MAX_NAME_BYTES} bytes of UTF-8 text without control and format characters`;
  throw badValue('--name', name, expected, 'tales-9m');
}

/** @throws ProgramError */
async function readProgram(path: string, shape: Pick<ModelShape, 'layers'>, signal: AbortSignal): Promise<number[]> {
  const text = await readAny(path, { limitBytes: MAX_PROGRAM_BYTES, signal });
  const program = assemble(new TextDecoder().decode(text));
  checkProgram(program, shape);
  return program;
}

async function readPrivateKey(path: string, signal: AbortSignal): Promise<KeyObject> {
  const pem = await readRegular(path, { limitBytes: MAX_KEY_BYTES, signal });
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(Buffer.from(pem));
  } catch {
    // Said below, with what would work.
  }
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw badValue(
    '--sign',
    path,
    'a file with an unencrypted Ed25519 private key in PEM',
    'key.pem (make one with `openssl genpkey -algorithm ed25519 -out key.pem`)',
  );
}
