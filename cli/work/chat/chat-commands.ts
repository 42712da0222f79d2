/** Lines that begin with a slash. */
import { FileError } from '../../../model/files/file-error.js';
import { writeOutput } from '../../../model/files/output-file.js';
import { StateError } from '../../../protocol/state/state-error.js';
import { encodeState, type SavedState } from '../../../protocol/state/state-file.js';
import { TextProblem } from '../../../serve/text/text-problem.js';
import type { CommandContext } from '../../command.js';
import { readStateFile } from '../state-file.js';
import type { Conversation } from './conversation.js';
import { counted } from '../../../protocol/counted.js';

export type ChatCommand =
  | { readonly do: 'quit' | 'help' | 'reset' }
  | { readonly do: 'save' | 'load'; readonly path: string }
  /** None: what is wrong with it. */
  | { readonly do: 'nothing'; readonly problem: string };

const HELP = [
  '/save FILE   write the conversation to a file, as mmfree run --load-state reads it too',
  '/load FILE   go on with a conversation from a file',
  '/reset       begin a new conversation',
  '/help        show this',
  '/quit        end; so does Ctrl-D',
  'Ctrl-C stops an answer. A message that begins with a slash has two of them.',
];

/** Undefined for a message. */
export function commandOf(line: string): ChatCommand | undefined {
  if (!line.startsWith('/') || line.startsWith('//')) return undefined;
  const [, word = '', rest = ''] = /^\/(\S*)\s*(.*?)\s*$/.exec(line) ?? [];
  if (word === 'quit' || word === 'help' || word === 'reset') return { do: word };
  if (word !== 'save' && word !== 'load')
    return { do: 'nothing', problem: `there is no /${word}; /help lists what there is` };
  return rest === '' ? { do: 'nothing', problem: `/${word} needs the path of a file` } : { do: word, path: rest };
}

/**
 * @returns the state that was loaded, if one was
 * @throws StateError; FileError; the operating system's error; what the machine throws
 */
export async function commandDone(
  command: ChatCommand,
  conversation: Conversation,
  canSave: boolean,
  { output, signal }: CommandContext,
): Promise<SavedState | undefined> {
  switch (command.do) {
    case 'help':
      for (const line of HELP) output.note(line);
      break;
    case 'nothing':
      output.note(command.problem);
      break;
    case 'reset':
      await conversation.replace(undefined);
      output.note('a new conversation begins');
      break;
    case 'save':
      if (!canSave) throw new TextProblem('this machine gives no states');
      if (conversation.isInMessage)
        throw new TextProblem('a message was interrupted: say something before it is saved');
      await save(command.path, conversation);
      output.note(`saved the conversation, ${counted(conversation.position, 'token')}, in ${command.path}`);
      break;
    case 'load': {
      if (!canSave) throw new TextProblem('this machine takes no states');
      const saved = await readStateFile(command.path, signal);
      await conversation.replace(saved);
      output.note(`the conversation of ${command.path} goes on behind ${counted(conversation.position, 'token')}`);
      return saved;
    }
    case 'quit':
  }
  return undefined;
}

async function save(path: string, conversation: Conversation): Promise<void> {
  await writeOutput(path, encodeState(await conversation.save()), { mode: 0o600 });
}

/** What is wrong with one line, in words, if it is no end of the conversation. */
export function problemOf(error: unknown): string | undefined {
  if (error instanceof StateError || error instanceof FileError) return `${error.message}: ${error.reason}`;
  if (error instanceof TextProblem) return error.message;
  // The operating system's, of a file.
  return error instanceof Error && 'syscall' in error ? error.message : undefined;
}
