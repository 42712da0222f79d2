/** The thread of `Bodies`. */
import { parentPort } from 'node:worker_threads';
import { apiErrorOf } from '../api-error.js';
import type { BodyAnswer, BodyQuestion } from './body-messages.js';
import { checkedBody } from './checked-body.js';

parentPort!.on('message', (question: BodyQuestion) => parentPort!.postMessage(answer(question)));
parentPort!.postMessage('ready');

function answer({ name, bytes, mostItems }: BodyQuestion): BodyAnswer {
  try {
    return { is: 'body', body: checkedBody(name, bytes, mostItems) };
  } catch (error) {
    const { status, code, message, param } = apiErrorOf(error);
    return { is: 'refused', status, code, message, param };
  }
}
