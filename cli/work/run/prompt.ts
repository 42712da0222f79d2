/** The prompt of `run`: the argument, else what `--prompt-file` or `-` names, else what is piped in. */
import { readAny, readStream } from '../../../model/files/input-file.js';
import type { CommandContext } from '../../command.js';
import { UsageError } from '../../usage-error.js';
import { MAX_PROMPT_BYTES } from '../input-limits.js';

export interface PromptInput {
  readonly prompt: string | undefined;
  readonly promptFile: string | undefined;
}

/**
 * After so long the user is told what is waited for: a CI system may leave open a pipe into which nobody ever writes.
 */
const WAITING_MS = 2000;

const STANDARD_INPUT = '-';

type PromptContext = Pick<CommandContext, 'output' | 'stdin' | 'signal'>;

/**
 * An empty one is no prompt.
 *
 * @param isNeeded whether what is piped in is read if nobody asks for it
 * @throws UsageError; FileError; AbortError
 */
export async function readPrompt(
  { prompt, promptFile }: PromptInput,
  isNeeded: boolean,
  context: PromptContext,
): Promise<string> {
  if (prompt !== undefined && promptFile !== undefined) throw twoPrompts();
  if (prompt !== undefined && prompt !== STANDARD_INPUT) return prompt;
  if (promptFile !== undefined && promptFile !== STANDARD_INPUT) {
    const { signal } = context;
    return await told(promptFile, context, () => readAny(promptFile, { limitBytes: MAX_PROMPT_BYTES, signal }));
  }
  const { stdin, signal } = context;
  const isMeant = prompt !== undefined || promptFile !== undefined;
  if (!isMeant && !(isNeeded && stdin.isPiped)) return '';
  const name = 'standard input';
  return await told(name, context, () => readStream(stdin.open(), name, { limitBytes: MAX_PROMPT_BYTES, signal }));
}

/** Reads text, and says what is waited for when that takes long. */
async function told(name: string, { output }: PromptContext, read: () => Promise<Uint8Array>): Promise<string> {
  const note = setTimeout(() => {
    output.note(`waiting for the end of the prompt on ${name}; to have none, give "" as the prompt`);
  }, WAITING_MS);
  try {
    return textOf(await read(), name);
  } finally {
    clearTimeout(note);
  }
}

/** Without the line break at its end, which editors and `echo` put there. @throws UsageError */
function textOf(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new UsageError('bad-value', `the prompt on ${name} is not UTF-8 text`, {
      reason: 'It holds bytes that no character has in UTF-8.',
      fix: `Convert it, for example with \`iconv -t UTF-8\`.`,
      facts: { name },
      cause,
    });
  }
}

function twoPrompts(): UsageError {
  return new UsageError('conflicting-options', 'there are two prompts', {
    reason: 'One is the argument, the other one comes from --prompt-file.',
    fix: 'Leave one of them out.',
  });
}
