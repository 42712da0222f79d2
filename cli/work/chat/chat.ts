/** `mmfree chat`: the work. A line is a message, or a command that begins with a slash. */
import { Texts } from '../../../serve/text/texts.js';
import { tokenizerOf } from '../../../engine/text-session.js';
import { withoutStates } from '../../../engine/engine-error.js';
import { hexOfWord } from '../../../protocol/hex.js';
import { seedOf, type SamplerSettings } from '../../../protocol/sampling.js';
import type { CommandContext } from '../../command.js';
import { openMachine } from '../machines/open-machine.js';
import type { SourceInput } from '../machines/source-input.js';
import { runSampler, type SamplerInput } from '../run/run-settings.js';
import { readStateFile } from '../state-file.js';
import { commandDone, commandOf, problemOf } from './chat-commands.js';
import { Conversation } from './conversation.js';
import { INTERRUPTED, linesOf } from './lines.js';

interface ChatInput extends SamplerInput, SourceInput {
  readonly system: string | undefined;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly loadState: string | undefined;
  readonly trace: string | undefined;
}

export async function chat(input: ChatInput, context: CommandContext): Promise<void> {
  const { output, signal, stdin } = context;
  const saved = input.loadState === undefined ? undefined : await readStateFile(input.loadState, signal);
  const sampler = runSampler(input, saved?.sampler);
  if (input.seed === 'random') output.note(`seed ${seedOf(sampler)}`);
  output.result({ seed: String(seedOf(sampler)) });
  const opened = await openMachine(input, context);
  const { machine, tokenizerJson, chat: template } = opened;
  let texts: Texts | undefined;
  try {
    if (saved !== undefined && !machine.facts.can.state) throw withoutStates(machine.facts.name);
    const tokenizer = await tokenizerOf(opened);
    texts = new Texts({ tokenizerJson, shape: machine.facts.shape, chat: template });
    const conversation = await Conversation.begin(opened, tokenizer, texts, input.system, saved);
    if (template === undefined)
      output.note(`${opened.imageName} was taught no conversations: it only goes on with the text of this one`);
    if (stdin.isTerminal) output.note('/help lists what can be done; Ctrl-C stops an answer, Ctrl-D ends');
    await converse(conversation, sampler, input, context, opened.machine.facts.can.state);
  } finally {
    await texts?.close();
    await machine.close();
  }
}

async function converse(
  conversation: Conversation,
  begun: SamplerSettings,
  input: ChatInput,
  context: CommandContext,
  canSave: boolean,
): Promise<void> {
  const { output, signal, stdin } = context;
  const lines = linesOf(stdin, signal);
  let sampler = begun;
  let answering: AbortController | undefined;
  let isAsking = false;
  context.onInterrupt(() => {
    // Where lines are typed, a Ctrl-C is a key while one is asked for: this one was meant for an answer that had ended.
    if (isAsking && stdin.isTerminal) return true;
    const isAnswering = answering?.signal.aborted === false;
    answering?.abort();
    return isAnswering;
  });
  let interrupts = 0;
  let answers = 0;
  try {
    while (!signal.aborted) {
      isAsking = true;
      const line = await lines.next();
      isAsking = false;
      if (line === undefined) break;
      if (line === INTERRUPTED) {
        if (++interrupts > 1) break;
        output.note('Ctrl-C once more ends, as Ctrl-D and /quit do');
        continue;
      }
      interrupts = 0;
      if (line.trim() === '') continue;
      const command = commandOf(line);
      if (command?.do === 'quit') break;
      try {
        if (command !== undefined) {
          const loaded = await commandDone(command, conversation, canSave, context);
          if (loaded !== undefined) sampler = runSampler(input, loaded.sampler);
          continue;
        }
        answering = new AbortController();
        const both = AbortSignal.any([signal, answering.signal]);
        const said = line.startsWith('//') ? line.slice(1) : line;
        await showAnswer(conversation, said, { ...input, sampler, signal: both }, context);
        answers++;
      } catch (error) {
        // What is wrong with a message or a file is no end of a conversation.
        const problem = problemOf(error);
        if (problem === undefined) throw error;
        output.note(problem);
      } finally {
        answering = undefined;
      }
    }
  } finally {
    lines.close();
  }
  output.result({ answers, position: conversation.position });
}

async function showAnswer(
  conversation: Conversation,
  said: string,
  settings: Parameters<Conversation['answer']>[1],
  { output }: CommandContext,
): Promise<void> {
  let text = '';
  let finish = 'interrupted';
  for await (const step of conversation.answer(said, settings)) {
    const { token } = step;
    if (token !== undefined) {
      const { index, id, receipt } = token;
      output.event('token', { index, id, text: step.added, receipt: hexOfWord(receipt) });
    }
    // A model that begins its answer with line breaks shows none.
    output.print(text === '' ? step.text.trimStart() : step.text);
    text += step.text;
    finish = step.end ?? finish;
  }
  output.print('\n');
  output.event('answer', { text, finish, position: conversation.position });
  if (finish === 'max-tokens') output.note('(the answer was cut off: --max-tokens)');
}
