/** The board's end of a wire whose bytes somebody looks at. */

import type { WireObserver } from '../../../protocol/wire/frame-trace.js';
import type { Wire } from './wire.js';

/** @param name of the wire, for who looks */
export function observedWire(wire: Wire, name: string, observer: WireObserver): Wire {
  const tap = observer.open(name);
  return {
    get isReady() {
      return wire.isReady;
    },
    start({ onData, onReady, onGone }) {
      wire.start({
        onReady,
        onData: (bytes) => {
          tap.toBoard(bytes);
          onData(bytes);
        },
        onGone: () => {
          tap.close('closed by the host');
          onGone();
        },
      });
    },
    write(bytes) {
      tap.toHost(bytes);
      wire.write(bytes);
    },
    close() {
      wire.close();
      tap.close('closed by the board');
    },
    hangUp: () => {
      wire.hangUp?.();
      tap.close('closed by the board');
    },
    setServed: (isServed) => wire.setServed?.(isServed),
  };
}
