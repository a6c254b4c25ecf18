import type { Heartbeat } from '../../shared/messages/heartbeat.js';

/*
 * The membership of controllers, from heartbeats on a topic. For the reasons against Kafka's groups, ZooKeeper and
 * gossip protocols, see docs/decisions/0011-controller-membership.md.
 */

/**
 * The received heartbeats: the number of this controller's own heartbeats, and for each other controller that number at
 * the time of its last heartbeat.
 */
export interface Heard {
  readonly own: number;
  readonly others: ReadonlyMap<string, number>;
}

export const NOTHING_HEARD: Heard = { own: 0, others: new Map() };

/** The state after a heartbeat. */
export function heard(before: Heard, beat: Heartbeat, self: string): Heard {
  if (beat.controller === self) return { own: before.own + 1, others: before.others };
  const others = new Map(before.others);
  if (beat.leaving === true) others.delete(beat.controller);
  else others.set(beat.controller, before.own);
  return { own: before.own, others };
}

/**
 * The ids of the present controllers in ascending order, always including this one. Another controller is gone when
 * `missed` of this one's heartbeats came back from the bus since its last heartbeat.
 *
 * So the bus is the clock: while it does not deliver even own heartbeats, no controller counts as gone. Otherwise an
 * outage of the bus would make every controller assume that it is alone and may fill all invokers.
 */
export function members(known: Heard, self: string, missed: number): string[] {
  const there = [...known.others].filter(([, at]) => known.own - at < missed).map(([controller]) => controller);
  return inOrder([...there, self]);
}

/** Sorts numbers by value, before names. */
function inOrder(controllers: readonly string[]): string[] {
  const isName = (controller: string): boolean => Number.isNaN(Number(controller));
  const numbers = controllers.filter((controller) => !isName(controller));
  return [...numbers.toSorted((a, b) => Number(a) - Number(b)), ...controllers.filter(isName).toSorted()];
}
