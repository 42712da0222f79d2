/** A wire whose bytes somebody looks at. */

import type { WireObserver } from '../../protocol/wire/frame-trace.js';
import type { Transport } from './transport.js';

export function observedTransport(transport: Transport, observer: WireObserver): Transport {
  const tap = observer.open(transport.name);
  return {
    name: transport.name,
    get isReady() {
      return transport.isReady;
    },
    start({ onData, onReady, onLost }) {
      transport.start({
        onReady,
        onData: (bytes) => {
          tap.toHost(bytes);
          onData(bytes);
        },
        onLost: (reason, cause) => {
          tap.close(reason);
          onLost(reason, cause);
        },
      });
    },
    write(bytes) {
      tap.toBoard(bytes);
      transport.write(bytes);
    },
    async close() {
      await transport.close();
      tap.close('closed by the host');
    },
  };
}
