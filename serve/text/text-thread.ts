/** The threads of `Texts`: text and token ids, and chat templates, which come with images from anywhere. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadTokenizer } from '../../model/text/tokenizer.js';
import { chatRenderer } from './chat-template.js';
import type { TextAnswer, TextJob, TextRequest } from './text-messages.js';

// The only one to start this thread is `Texts`.
const { tokenizerJson, shape, chat } = workerData as TextJob;
const { encode, textStream } = await loadTokenizer(tokenizerJson, shape);
/** Made when it is asked for: a template may be wrong, or take forever. */
let render: ReturnType<typeof chatRenderer> | undefined;

parentPort!.on('message', (request: TextRequest) => {
  const told = answered(request);
  parentPort!.postMessage(told, told.ids === undefined ? [] : [told.ids.buffer]);
});
parentPort!.postMessage('ready');

function answered(request: TextRequest): TextAnswer {
  try {
    return answer(request);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function answer(request: TextRequest): TextAnswer {
  switch (request.do) {
    case 'encode': {
      const ids = encode(request.text, request.goesOn);
      return ids.length > request.most ? { count: ids.length } : { ids: Uint32Array.from(ids) };
    }
    case 'decode':
      return { text: decoded(request.ids) };
    case 'tell': {
      const stream = textStream();
      if (request.before !== undefined) stream.resume(request.before.held);
      const text = request.ids.map((id) => stream.push(id)).join('');
      return { told: { text, held: stream.held() } };
    }
    case 'render': {
      const { messages, before } = request;
      render ??= chatRenderer(chat, tokenizerJson, shape);
      const text = before === undefined ? render(messages) : render(messages, { ids: before, text: decoded(before) });
      return { text };
    }
    default:
      return request satisfies never;
  }
}

function decoded(ids: ArrayLike<number>): string {
  const stream = textStream();
  return Array.from(ids, (id) => stream.push(id)).join('') + stream.flush();
}
