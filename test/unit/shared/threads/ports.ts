import { MessageChannel } from 'node:worker_threads';
import { Calls, type CallsOptions } from '../../../../shared/threads/Calls.js';

/** The two sides of a port in one thread. */
export interface Sides {
  readonly near: Calls;
  readonly far: Calls;
  close(): void;
}

/** Connects two sides. Values are cloned as between threads. */
export function connectedSides(options: CallsOptions = {}): Sides {
  const { port1, port2 } = new MessageChannel();
  const near = new Calls(port1, options);
  const far = new Calls(port2, options);
  return {
    near,
    far,
    close() {
      near.close();
      far.close();
      port1.close();
    },
  };
}
