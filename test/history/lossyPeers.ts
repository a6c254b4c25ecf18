import { PeerClient, PeerError, type PeerRequest } from '../../invoker/objects/sharing/PeerClient.js';
import type { Peer } from '../../shared/objects/Locate.js';
import { ObjectError } from '../../shared/objects/ObjectError.js';

/**
 * What becomes of a request of one invoker to another one.
 *
 *   lost      it never arrives
 *   late      its sender has given it up. It arrives when the function that `later` gets is called
 *   delayed   it arrives `ms` later, and its sender waits for that
 *   refused   its receiver does not execute it, and responds with 503: it lacks memory
 *   unheard   it arrives, and its answer is lost
 *   slow      its answer comes `ms` later, or when `until` resolves
 */
export type Fate =
  | { readonly kind: 'lost' | 'unheard' | 'refused' }
  | { readonly kind: 'late'; readonly later: (arrive: () => Promise<unknown>) => void }
  | { readonly kind: 'delayed'; readonly ms: number }
  | { readonly kind: 'slow'; readonly until: Promise<unknown> }
  | undefined;

/**
 * Lets requests between all invokers of this process get lost or come late.
 * @param fate of a request; undefined: it is well.
 * @returns a function that ends this.
 */
export function lossyPeers(fate: (peer: Peer, asked: PeerRequest) => Fate): () => void {
  const { prototype } = PeerClient;
  const descriptors = (['ask', 'send'] as const).map(
    (name) => [name, Object.getOwnPropertyDescriptor(prototype, name)] as const,
  );
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const { ask, send } = prototype;
  prototype.ask = function (this: PeerClient, peer, asked) {
    return fated(fate(peer, asked), peer, () => ask.call(this, peer, asked));
  };
  // `ask` sends the others.
  prototype.send = function (this: PeerClient, peer, asked) {
    const request = (): ReturnType<PeerClient['send']> => send.call(this, peer, asked);
    if (asked.operation !== 'take') return request();
    return fated(fate(peer, asked), peer, request, ({ body }) => body.on('error', () => undefined).destroy());
  };
  return () => {
    for (const [name, descriptor] of descriptors) if (descriptor) Object.defineProperty(prototype, name, descriptor);
  };
}

/** Executes a request as its fate says. @param drop is told an answer that nobody gets. */
async function fated<T>(
  fate: Fate,
  { instance }: Peer,
  request: () => Promise<T>,
  drop: (answer: T) => unknown = () => undefined,
): Promise<T> {
  const silent = (): PeerError => new PeerError('silent', `invoker${instance} does not answer: a test`);
  if (fate?.kind === 'lost') throw silent();
  if (fate?.kind === 'late') {
    fate.later(() => request().then(drop, () => undefined));
    throw silent();
  }
  if (fate?.kind === 'refused') throw new ObjectError(503, 'No memory: a test', { retryAfterS: 1 });
  if (fate?.kind === 'delayed') await new Promise((resolve) => setTimeout(resolve, fate.ms));
  const answer = await request();
  if (fate?.kind === 'unheard') {
    drop(answer);
    throw silent();
  }
  if (fate?.kind === 'slow') await fate.until;
  return answer;
}
