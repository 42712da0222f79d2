// A text begins on one machine and goes on, mid-sentence, on another. What moves is a value of 8 KiB, however long the
// text is. Then the whole text is told by one machine alone, and must be the same.
//
//   mmfree virtual-board --image models/tales-9m/tales-9m.mmfree   # says where it is, such as tcp:127.0.0.1:4711
//   node examples/move-a-text.mjs tcp:127.0.0.1:4711
import { openMachine, openText } from 'mmfree';

const settings = { maxTokens: 20, seed: 7n };
const here = await openMachine({ kind: 'reference' });
const board = process.argv[2];
// Without a board, to the simulator of the gateware's instructions, which computes by other means.
const there = await openMachine(board === undefined ? { kind: 'simulator' } : { board });

// Of each piece only the receipt and the text are looked at.
async function collect(pieces, into) {
  for await (const { text, receipt } of pieces) {
    into.text += text;
    into.receipts.push(receipt);
  }
}

const moved = { text: '', receipts: [] };
const first = await openText(here);
await collect(first.generate('The old king', settings), moved);
const state = await first.save();
await first.close();

// No prompt, no settings: the state knows where the text is, and which draw comes next.
const second = await openText(there, state);
await collect(second.generate('', { maxTokens: 20 }), moved);

const alone = { text: '', receipts: [] };
const whole = await openText(here);
await collect(whole.generate('The old king', { ...settings, maxTokens: 40 }), alone);

console.log(`The old king${moved.text}`);
console.log(`moved as ${state.length} bytes from ${here.machine.facts.name} to ${there.machine.facts.name}`);
const isSame = moved.text === alone.text && moved.receipts.join() === alone.receipts.join();
console.log(isSame ? 'the same 40 receipts as without the move' : 'NOT the same as without the move');
await Promise.all([here.machine.close(), there.machine.close()]);
process.exitCode = isSame ? 0 : 1;
