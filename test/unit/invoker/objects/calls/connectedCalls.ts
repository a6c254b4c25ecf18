import { CallClient } from '../../../../../invoker/objects/calls/CallClient.js';
import { CallServer, type CallServerParts } from '../../../../../invoker/objects/calls/CallServer.js';

/** Both sides of calls in one thread. Messages are copied and bytes are moved, as between threads. */
export function connectedCalls(parts: Omit<CallServerParts, 'reply'>, replyMs?: number): CallClient {
  const server = new CallServer({
    ...parts,
    reply: (message, moved) => client.replied(structuredClone(message, { transfer: [...moved] })),
  });
  const client = new CallClient({
    send: (message, moved) => void server.take(structuredClone(message, { transfer: [...moved] })),
    replyMs,
  });
  return client;
}
