import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadBalancer } from '../../controller/loadbalancer/LoadBalancer.js';

const JOIN_MS = 30_000;
const LOOK_MS = 20;

/**
 * Resolves once a controller knows so many invokers that are up, and so many controllers, with itself.
 * @param limitMs the sum of its pauses: time in which the whole machine is busy or stopped does not count.
 * @throws Error that says who is missing.
 */
export async function untilJoined(
  balancer: Pick<LoadBalancer, 'clusterSize' | 'invokers'>,
  { invokers, controllers }: { readonly invokers: number; readonly controllers: number },
  limitMs = JOIN_MS,
): Promise<void> {
  const up = (): number => balancer.invokers().filter(({ status }) => status === 'up').length;
  const joined = (): boolean => balancer.clusterSize >= controllers && up() >= invokers;
  for (let waited = 0; !joined(); waited += LOOK_MS) {
    if (waited > limitMs) {
      const known = `${up()} of ${invokers} invokers and ${balancer.clusterSize} of ${controllers} controllers`;
      throw new Error(`not all invokers and controllers joined within ${limitMs / 1000} s: ${known} did`);
    }
    await sleep(LOOK_MS);
  }
}
