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
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'ask');
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const { ask } = prototype;
  prototype.ask = async function (this: PeerClient, peer, asked) {
    const silent = (): PeerError => new PeerError('silent', `invoker${peer.instance} does not answer: a test`);
    const fated = fate(peer, asked);
    if (fated?.kind === 'lost') throw silent();
    if (fated?.kind === 'late') {
      fated.later(() => ask.call(this, peer, asked).catch(() => undefined));
      throw silent();
    }
    if (fated?.kind === 'refused') throw new ObjectError(503, 'No memory: a test', { retryAfterS: 1 });
    if (fated?.kind === 'delayed') await new Promise((resolve) => setTimeout(resolve, fated.ms));
    const answer = await ask.call(this, peer, asked);
    if (fated?.kind === 'unheard') throw silent();
    if (fated?.kind === 'slow') await fated.until;
    return answer;
  };
  return () => {
    if (descriptor) Object.defineProperty(prototype, 'ask', descriptor);
  };
}
