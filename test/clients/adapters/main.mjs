/** A process that is a client: takes names of cases from its parent, and says what the client made of them. */

import * as asked from './asked.mjs';

const [name] = process.argv.slice(2);
const LOADS = {
  curl: async () => (await import('./curl.mjs')).curlProgram,
  openai: async () => (await import('./openai.mjs')).openai,
  'openai `.stream()`': async () => (await import('./openai.mjs')).openaiHelper,
  'AI SDK': async () => (await import('./ai-sdk.mjs')).aiSdk,
  'LangChain.js': async () => (await import('./langchain.mjs')).langchain,
};

const client = await LOADS[name]();
process.on('message', async ({ wanted, how }) => {
  try {
    process.send({ outcome: await client.cases[wanted](how) });
  } catch (error) {
    process.send({ failure: client.failureOf(error) });
  }
});
process.on('disconnect', () => process.exit());
process.send({ cases: Object.keys(client.cases), completionAs: client.completionAs, asked: { ...asked } });
