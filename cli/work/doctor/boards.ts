/** The check of `mmfree doctor` that looks at every board, and asks those that it may. */
import { askBoard } from '../../../device/finding/ask-board.js';
import { findBoards, type FoundBoard } from '../../../device/finding/discovery.js';
import { addressText } from '../../../device/selector.js';
import { EXIT } from '../../exit-codes.js';
import { fixOf } from '../../advice/advice.js';
import { describeProblem } from '../../advice/describe-problem.js';
import type { Finding } from './finding.js';

/** What need not be a board of ours. */
const OTHERS: ReadonlySet<FoundBoard['kind']> = new Set(['port', 'dfu', 'ftdi', 'drive']);

export async function examineBoards(signal: AbortSignal): Promise<readonly Finding[]> {
  const found = await findBoards();
  if (found.length === 0) return [{ state: 'ok', text: 'none is plugged in' }];
  return (await Promise.all(found.map(async (board) => await examineBoard(board, signal)))).flat();
}

async function examineBoard(board: FoundBoard, signal: AbortSignal): Promise<Finding[]> {
  const { kind, portProblem, flashProblem } = board;
  const isOurs = !OTHERS.has(kind);
  const problems = [portProblem, flashProblem].flatMap((problem): Finding[] => {
    if (problem === undefined || (problem.code === 'board-not-found' && flashProblem === undefined)) return [];
    const { message, reason } = problem;
    return [{ state: isOurs ? 'fail' : 'warn', text: `${message}: ${reason}`, fix: fixOf(problem), cause: problem }];
  });
  return portProblem === undefined ? [await asked(board, signal), ...problems] : [...problems, ...dfuMode(board)];
}

/** What they are. */
const WITHOUT_PORT: ReadonlyMap<FoundBoard['kind'], string> = new Map([
  ['ftdi', 'may be an FPGA board'],
  ['drive', 'is in boot mode, ready to be flashed'],
]);

/** In DFU mode, or without a driver for it, there is no port, and nothing is wrong. */
function dfuMode({ address, kind, name, portProblem }: FoundBoard): Finding[] {
  if (portProblem?.code !== 'board-not-found') return [];
  const what = WITHOUT_PORT.get(kind) ?? 'is ready to be flashed';
  return [{ state: 'ok', text: `${addressText(address)} (${name}) ${what}` }];
}

async function asked({ address, kind, name }: FoundBoard, signal: AbortSignal): Promise<Finding> {
  const selector = addressText(address);
  if (OTHERS.has(kind)) return { state: 'ok', text: `${selector} (${name}) may be opened` };
  try {
    const { hello, info } = await askBoard(address, { signal });
    const image = hello.image === undefined ? 'no image' : hello.image.name;
    return { state: 'ok', text: `${selector}: ${hello.board} ${hello.serial}, ${image}, ${info?.state ?? 'ready'}` };
  } catch (error) {
    const { message, cause, fix, exit, code } = describeProblem(error);
    if (code === 'board-wants-key') return { state: 'ok', text: `${selector}: ${cause}` };
    return { state: exit === EXIT.boardBusy ? 'warn' : 'fail', text: `${message}: ${cause}`, fix, cause: error };
  }
}
