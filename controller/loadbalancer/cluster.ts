import type { Heartbeat } from '../../shared/messages/heartbeat.js';

/*
 * Which controllers there are, from heartbeats on a topic of our own; why not Kafka's groups, ZooKeeper or a gossip
 * protocol: docs/decisions/0011-controller-membership.md.
 */

/**
 * What was heard: how many of this controller's own heartbeats came back, and for each other controller, how many had when
 * it was last heard of.
 */
export interface Heard {
  readonly own: number;
  readonly others: ReadonlyMap<string, number>;
}

export const NOTHING_HEARD: Heard = { own: 0, others: new Map() };

/** What is known after a heartbeat. */
export function heard(before: Heard, beat: Heartbeat, self: string): Heard {
  if (beat.controller === self) return { own: before.own + 1, others: before.others };
  const others = new Map(before.others);
  if (beat.leaving === true) others.delete(beat.controller);
  else others.set(beat.controller, before.own);
  return { own: before.own, others };
}

/**
 * The controllers that are there, this one always counted, in ascending order. One is gone when `missed` of this one's
 * heartbeats came back from the bus since its last.
 *
 * So the bus is the clock: while it hands on nothing, not even our own heartbeats, nobody is judged, and an outage of the bus
 * does not make every controller believe that it is alone and may fill all invokers.
 */
export function members(known: Heard, self: string, missed: number): string[] {
  const there = [...known.others].filter(([, at]) => known.own - at < missed).map(([controller]) => controller);
  return [...there, self].toSorted(byIdentifier);
}

/** Numbers by value and before names. */
function byIdentifier(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)];
  if (Number.isNaN(x) && Number.isNaN(y)) return a < b ? -1 : 1;
  if (Number.isNaN(x)) return 1;
  return Number.isNaN(y) ? -1 : x - y;
}
