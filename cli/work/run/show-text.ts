/** The text of a run, shown as it comes, and what is said of it at its end. */
import type { TextEnd, TextRequest, TextSession } from '../../../engine/text-session.js';
import type { GeneratedToken } from '../../../model/machine/machine.js';
import type { CommandContext } from '../../command.js';
import type { RunTimer } from './run-timer.js';
import { hexOfWord } from '../../../protocol/hex.js';

/** How it is shown. */
interface Shown {
  /** Token ids instead of text. */
  readonly ids: boolean;
  /** It is compared with the reference. */
  readonly check: boolean;
  readonly timer: RunTimer;
  /** Of the machine. */
  readonly name: string;
  readonly canSave: boolean;
}

/**
 * Shows a text as it comes, and what is to be said of it.
 *
 * @param tokens gets each of them
 * @returns whether it has a state to be saved
 */
export async function showText(
  text: TextSession,
  request: TextRequest,
  tokens: GeneratedToken[],
  { ids, check, timer, name, canSave }: Shown,
  { output, signal }: Pick<CommandContext, 'output' | 'signal'>,
): Promise<boolean> {
  // Ids are printed where they are wanted instead of text.
  const print = (shown: string): void => void (ids || output.print(shown));
  let end: TextEnd | undefined;
  timer.start();
  for await (const step of text.generate(request)) {
    const { opening, token } = step;
    // The progress of the prompt would tear the text apart.
    if (token !== undefined) timer.token();
    if (opening !== undefined) print(opening.before + opening.prompt);
    if (token !== undefined) {
      const { index, id, receipt } = token;
      tokens.push(token);
      output.event('token', { index, id, text: step.added, receipt: hexOfWord(receipt) });
      if (ids) output.print(`${index > 0 ? ' ' : ''}${id}`);
    }
    print(step.text);
    ({ end } = step);
  }
  timer.end();
  // In the middle of its prompt a text has no state from which it goes on by itself; the same command begins it again.
  const isWhole = timer.tokens > 0 || end !== undefined;
  const isSaved = canSave && isWhole;
  // What is held back, and the line break, are printed by who ends the text.
  const endsHere = !isSaved || end === 'end-of-text' || end === 'stop';
  if (end !== 'stop') print(endsHere ? text.flush() : await text.flushExcess());
  if (endsHere) output.print('\n');

  const rate = timer.words(name);
  const speed = check ? `${rate}, each receipt equal to the reference's` : rate;
  const finish = signal.aborted ? 'interrupted' : end;
  // That it was interrupted is said for every command.
  output.note(signal.aborted ? speed : `${speed} (${finish})`);
  output.result({ ...timer.facts(), finish, backend: name, receipts_checked: check ? timer.tokens : undefined });
  if (canSave && !isSaved) {
    output.note('no state is saved: the prompt was not at its end, and the same command begins it again');
  }
  return isSaved;
}
