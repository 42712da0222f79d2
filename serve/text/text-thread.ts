/** The thread of `TextThread`: text and token ids, and chat templates, which come with images from anywhere. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadTokenizer } from '../../model/text/tokenizer.js';
import { chatRenderer } from './chat-template.js';
import type { TextAnswer, TextJob, TextRequest } from './text-messages.js';

// The only one to start this thread is `TextThread`.
const { tokenizerJson, shape, chat } = workerData as TextJob;
const { encode, textStream } = await loadTokenizer(tokenizerJson, shape);
/** Made when it is asked for: a template may be wrong, or take forever. */
let render: ReturnType<typeof chatRenderer> | undefined;

parentPort!.on('message', (request: TextRequest) => parentPort!.postMessage(answer(request)));
const ready: TextAnswer = {};
parentPort!.postMessage(ready);

function answer(request: TextRequest): TextAnswer {
  try {
    if (request.do === 'encode') return { ids: encode(request.text, request.goesOn) };
    const decode = (ids: readonly number[]): string => {
      const stream = textStream();
      return [...ids.map((id) => stream.push(id)), stream.flush()].join('');
    };
    if (request.do === 'decode') return { text: decode(request.ids) };
    render ??= chatRenderer(chat, tokenizerJson, shape);
    const { messages, before } = request;
    return { text: before === undefined ? render(messages) : render(messages, { ids: before, text: decode(before) }) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
