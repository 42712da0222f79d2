/** `mmfree models`: the work. */
import { join } from 'node:path';
import { knownImages, type KnownImage } from '../../engine/known-images.js';
import { askBoard } from '../../device/finding/ask-board.js';
import { findBoards } from '../../device/finding/discovery.js';
import { addressText } from '../../device/selector.js';
import { modelsFolder } from '../../model/cache-folder.js';
import { ImageFile } from '../../model/image-file.js';
import { hexOf } from '../../protocol/hex.js';
import type { CommandContext } from '../command.js';
import { describeProblem } from '../advice/describe-problem.js';
import { megabytes } from './image-facts.js';

/** Published checkpoints of the MatMul-free LM (arXiv 2406.02528). */
const PUBLISHED = ['ridgerchu/MMfreeLM-370M', 'ridgerchu/MMfreeLM-1.3B', 'ridgerchu/MMfreeLM-2.7B'];

interface Model {
  readonly where: KnownImage['where'] | 'board';
  /** For `--image` or `--board`. */
  readonly at: string;
  readonly name: string | null;
  readonly sha256: string | null;
  readonly bytes: number | null;
  readonly problem: string | null;
}

export async function models(_: object, { output, signal }: CommandContext): Promise<void> {
  const folder = modelsFolder(process.env);
  const found = knownImages().map(modelIn);
  found.push(...(await modelsOnBoards(signal)));
  signal.throwIfAborted();
  for (const model of found) output.event('model', { ...model });
  output.print(found.map(lineOf).join(''));
  output.print(`\nYour own images are shown if they lie in ${folder}. Others are published as checkpoints:\n\n`);
  output.print(PUBLISHED.map((repository) => commandsFor(repository, folder)).join('\n'));
  output.result({ models: found.length, folder, published: PUBLISHED });
}

/** Its head is read, not checked: `inspect` does that. */
function modelIn({ where, path }: KnownImage): Model {
  try {
    const image = ImageFile.open(path);
    image.close();
    const { manifest, seal, fileLength } = image.view;
    return { where, at: path, name: manifest.name, sha256: hexOf(seal.sha256), bytes: fileLength, problem: null };
  } catch (error) {
    const { message } = describeProblem(error, path);
    return { where, at: path, name: null, sha256: null, bytes: null, problem: message };
  }
}

/** Of boards of ours, as those of others are not opened unasked. */
async function modelsOnBoards(signal: AbortSignal): Promise<Model[]> {
  const boards = (await findBoards()).filter(
    ({ kind, portProblem }) => (kind === 'virtual' || kind === 'usb') && portProblem === undefined,
  );
  return await Promise.all(
    boards.map(async ({ address }): Promise<Model> => {
      const at = addressText(address);
      const nothing = { where: 'board', at, name: null, sha256: null, bytes: null } as const;
      try {
        const { image } = (await askBoard(address, { signal })).hello;
        if (image === undefined) return { ...nothing, problem: 'no image' };
        return { ...nothing, name: image.name, sha256: hexOf(image.sha256), problem: null };
      } catch (error) {
        return { ...nothing, problem: describeProblem(error).message };
      }
    }),
  );
}

function lineOf({ where, at, name, sha256, bytes, problem }: Model): string {
  const facts = [name, bytes === null ? null : megabytes(bytes), sha256 && `seal ${sha256.slice(0, 16)}…`, problem];
  return `${where.padEnd(8)} ${at}\n         ${facts.filter((fact) => fact !== null).join(', ')}\n`;
}

/** Nothing is downloaded by this program. `hf` is Hugging Face's own command (`pip install huggingface_hub`). */
function commandsFor(repository: string, folder: string): string {
  const name = repository.split('/')[1] ?? repository;
  return [
    `  hf download ${repository} --local-dir ${name}`,
    `  mkdir -p ${folder} && mmfree pack ${name} -o ${join(folder, `${name}.mmfree`)}`,
    '',
  ].join('\n');
}
