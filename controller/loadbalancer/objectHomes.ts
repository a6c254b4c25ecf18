import type { MessageHome } from '../../shared/objects/messageObjects.js';
import type { ColorOrder } from './Colors.js';
import type { InvokerHealth } from './LoadBalancer.js';

/** The invokers of a color's objects. */
export interface ObjectHomes {
  /** The policy that chose them. */
  readonly policy: string;
  /** The invokers that share objects and are not down, the home first. Empty: objects of the color have no home. */
  readonly homes: readonly MessageHome[];
  /** The invokers before and among them that are down or drain: they may still have objects of the color. */
  readonly away: readonly MessageHome[];
}

/** The most homes of a color to name: a former home is rarely further away. */
const MAX_OBJECT_HOMES = 4;

/**
 * The homes of a color's objects. An unhealthy invoker keeps its objects, in contrast to the invocations of its colors:
 * its containers fail, and its memory does not.
 */
export function objectHomes(order: ColorOrder, invokers: readonly InvokerHealth[]): ObjectHomes {
  const homes: MessageHome[] = [];
  const away: MessageHome[] = [];
  for (const instance of order.homes) {
    const { objectsUrl: url, status } = invokers[instance] ?? {};
    if (url === undefined) continue;
    (status === 'down' ? away : homes).push({ instance, url });
    if (homes.length === MAX_OBJECT_HOMES) break;
  }
  return { policy: order.policy, homes, away: away.slice(0, MAX_OBJECT_HOMES) };
}
