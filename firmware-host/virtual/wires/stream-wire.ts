/** A wire over a pair of Node's streams. */

import type { Readable, Writable } from 'node:stream';
import type { Wire } from './wire.js';

/** @param close ends both */
export function streamWire(input: Readable, output: Writable, close: () => void): Wire {
  return {
    get isReady() {
      return !output.writableNeedDrain;
    },
    start({ onData, onReady, onGone }) {
      input.on('data', onData);
      output.on('drain', onReady);
      input.once('close', onGone);
      // An error is followed by `close`; without a listener it would end the process.
      input.on('error', () => {});
      output.on('error', () => {});
    },
    write: (bytes) => void output.write(bytes),
    close,
  };
}
