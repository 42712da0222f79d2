// Did this model say that? Checks the receipts of a log that `mmfree run --json PROMPT` wrote, on any machine:
//
//   mmfree run --json "Once upon a time" > tale.jsonl
//   node examples/verify-receipts.mjs tale.jsonl "Once upon a time"
import { readFileSync } from 'node:fs';
import { openMachine, verifyReceipts } from 'mmfree';

const [path, prompt] = process.argv.slice(2);
const events = readFileSync(path, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const tokens = events
  .filter(({ type }) => type === 'token')
  .map(({ id, receipt }) => ({ id, receipt: Number.parseInt(receipt, 16) }));

const opened = await openMachine({ kind: 'reference' });
const { verified, mismatch } = await verifyReceipts(opened, { prompt, tokens });
await opened.machine.close();

console.log(`${verified} of ${tokens.length} receipts are right`);
if (mismatch !== undefined) {
  console.log(`the first wrong one is behind token ${mismatch.position}, id ${mismatch.token}`);
  process.exitCode = 1;
}
