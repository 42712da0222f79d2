/** `mmfree boards`: the work. */
import { boardNotFound } from '../../device/board-error.js';
import { boardsNamed, findBoards, type FoundBoard } from '../../device/finding/discovery.js';
import type { SessionOptions } from '../../device/session.js';
import type { CommandContext } from '../command.js';
import { watchWithBoard } from '../usage-error.js';
import { report, type Report } from './board-report.js';
import { keyOf } from './key-file.js';
import type { SourceInput } from './machines/source-input.js';
import { selectorOf } from './machines/selector.js';
import { watch } from './watch-boards.js';

/** How many boards are asked at the same time. */
const ASKED_AT_ONCE = 8;

interface BoardsInput extends Pick<SourceInput, 'board' | 'keyFile'> {
  readonly watch: boolean;
}

export async function boards(input: BoardsInput, context: CommandContext): Promise<void> {
  const { output, signal, wires } = context;
  if (input.watch && input.board !== undefined) throw watchWithBoard();
  const options = { signal, key: keyOf(input.keyFile), observer: wires };
  const found = input.board === undefined ? await findBoards() : await namedBoards(input.board, signal);
  const reports = await askAll(found, options);
  signal.throwIfAborted();
  for (const { facts } of reports) output.event('board', facts);
  const lines = reports.flatMap((each) => each.lines.map((line, index) => (index === 0 ? line : `  ${line}`)));
  output.printLines(reports.length === 0 ? [NONE] : lines, 2);
  output.result({ boards: reports.length });
  if (input.watch) await watch(found, options, { output, signal });
  // Who names one board wants to know whether it answers.
  const [only, ...others] = reports;
  if (input.board !== undefined && others.length === 0 && only?.error !== undefined) throw only.error;
}

async function askAll(found: readonly FoundBoard[], options: SessionOptions): Promise<Report[]> {
  const reports: Report[] = [];
  for (let start = 0; start < found.length; start += ASKED_AT_ONCE) {
    const some = found.slice(start, start + ASKED_AT_ONCE);
    reports.push(...(await Promise.all(some.map(async (board) => await report(board, options)))));
  }
  return reports;
}

const NONE = `no boards: none is plugged in, and no virtual board runs (start one with \`mmfree virtual-board\`)`;

/** A single one that is named may be asked, whatever it is. */
async function namedBoards(selector: string, signal: AbortSignal): Promise<FoundBoard[]> {
  const found = await boardsNamed(selectorOf(selector), signal);
  const [only, ...others] = found;
  if (only === undefined) throw boardNotFound(selector, 'The USB/IP server shares no device that may be a board.');
  const { kind, portProblem } = only;
  if (others.length > 0 || portProblem !== undefined || kind === 'virtual' || kind === 'network') return found;
  return [{ ...only, kind: 'usb' }];
}
