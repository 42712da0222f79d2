/**
 * What to do about an error, where that is a command or an option of this program. Areas below `cli/` say what is wrong, with
 * facts, and a way out that holds for whoever uses them; what only a command line has is said here.
 */
import { MmfreeError } from '../protocol/errors.js';
import type { ImageErrorCode } from '../protocol/image/image-error.js';
import type { StateErrorCode } from '../protocol/state/state-error.js';
import { systemFix } from '../protocol/system-error.js';

type Facts = Readonly<Record<string, unknown>>;

/** One sentence or two; undefined, or null for a whole code, where the error's own words are enough. */
type Advice = ((facts: Facts, cause: unknown) => string | undefined) | null;

const packAgain = (): string => 'Do not use this image; make one from the checkpoint with `mmfree pack`.';

/** What the operating system says, or what the path leads to, may call for something else, which the error tells then. */
function unlessSystemKnows(cause: unknown, advice: string): string | undefined {
  return cause instanceof MmfreeError || systemFix(cause) !== undefined ? undefined : advice;
}

/** Every code of the areas, so that none is added without a thought for the command line. */
const ADVICE: Readonly<Record<ImageErrorCode | StateErrorCode, Advice>> = {
  'image-unreadable': (_, cause) =>
    unlessSystemKnows(cause, 'Check the path and the permissions; `mmfree pack` makes an image from a checkpoint.'),
  'image-changed': null,
  'image-unwritable': (_, cause) =>
    unlessSystemKnows(cause, 'Check the folder and its permissions, or give another path with -o.'),
  'not-an-image': () => 'Give a file that `mmfree pack` wrote; a checkpoint has to be packed first.',
  'image-unsupported-version': null,
  'image-truncated': null,
  'image-damaged': ({ part }) =>
    part === undefined ? 'Copy the file again, or make it again with `mmfree pack --dfu` or `dfu-suffix`.' : undefined,
  'image-hostile-cbor': packAgain,
  // Bytes behind the end are more likely a copy that went wrong.
  'image-inconsistent': ({ bytes }) => (bytes === undefined ? packAgain() : undefined),
  'image-bad-manifest': ({ key }) =>
    key === 'name' ? 'Pack the checkpoint with a name like that (`--name`).' : packAgain(),
  'image-out-of-limits': null,
  'image-too-large': null,
  'image-bad-weights': packAgain,
  'image-bad-program': packAgain,
  'image-no-program': () => 'Pack the checkpoint again with `mmfree pack`.',
  'image-bad-signature': null,
  'not-a-state': () => 'Name a file that `mmfree run --save-state` wrote.',
  'state-unsupported-version': null,
  'state-damaged': null,
  'state-impossible': null,
  'state-other-image': () =>
    'Use the image that it was saved with (`--image`; `mmfree inspect` shows the SHA-256 of images and states), or begin a new text.',
};

/** Undefined if the error's own words are enough. */
export function adviceOn({ code, facts, cause }: MmfreeError): string | undefined {
  return Object.hasOwn(ADVICE, code) ? ADVICE[code as keyof typeof ADVICE]?.(facts, cause) : undefined;
}
