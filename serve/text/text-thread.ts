/** The thread of `TextThread`: text and token ids, and chat templates, which come with images from anywhere. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadTokenizer } from '../../model/text/tokenizer.js';
import type { TextAnswer, TextJob, TextRequest } from './text-messages.js';

// The only one to start this thread is `TextThread`.
const { tokenizerJson, shape, template } = workerData as TextJob;
const tokenizer = loadTokenizer(tokenizerJson, shape);
const renderer = import('./chat-template.js').then(({ chatRenderer }) => chatRenderer(template, tokenizerJson, shape));
// Said to who renders something.
renderer.catch(() => {});

parentPort!.on('message', (request: TextRequest) => {
  void answer(request).then((reply) => parentPort!.postMessage(reply));
});

async function answer(request: TextRequest): Promise<TextAnswer> {
  try {
    const { encode, textStream } = await tokenizer;
    if (request.do === 'encode') return { ids: encode(request.text, request.goesOn) };
    if (request.do === 'render') return { ids: encode((await renderer)(request.messages)) };
    const stream = textStream();
    return { text: [...request.ids.map((id) => stream.push(id)), stream.flush()].join('') };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
