import { LOST_AFTER_MS, MAX_INVOKERS, type InvokersReply } from '../../shared/objects/invokersReply.js';
import type { MessageHome } from '../../shared/objects/messageObjects.js';
import type { ColorOrder } from './Colors.js';
import type { InvokerHealth } from './LoadBalancer.js';
import type { Supervised } from './supervision.js';

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

/**
 * All invokers that share objects, of any color.
 * @returns undefined: there are too many. Those whose copies count as lost may be missing.
 */
export function objectInvokers(supervised: Iterable<Supervised>, now: number): InvokersReply | undefined {
  const up: MessageHome[] = [];
  const away: InvokersReply['away'] = [];
  for (const { instance: described, objectsUrl: url, status, pingedAt } of supervised) {
    const { instance } = described;
    if (url === undefined) continue;
    if (status === 'down') away.push({ instance, url, silentMs: Math.max(0, now - pingedAt) });
    else up.push({ instance, url });
  }
  const room = MAX_INVOKERS - up.length;
  if (room < 0) return undefined;
  const latest = away.toSorted((a, b) => a.silentMs - b.silentMs);
  const [left] = latest.slice(room);
  if (left && left.silentMs < LOST_AFTER_MS) return undefined;
  return { up, away: latest.slice(0, room) };
}
