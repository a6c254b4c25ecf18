import * as z from 'zod';
import { latencies } from '../statistics.js';

/** A point on the way of a call that a process has just reached. */
const POINTS = ['request', 'send', 'written', 'read', 'handed', 'run', 'ran', 'answered'] as const;

export interface Mark {
  /** In ms since the epoch, with fractions. Processes of one machine share the clock. */
  readonly at: number;
  readonly point: (typeof POINTS)[number];
}

export const marksSchema: z.ZodType<Mark[]> = z.array(z.object({ at: z.number(), point: z.enum(POINTS) }));

type Place = 'controller' | 'invoker';

/** The way of a call: each step ends at its point in its process. */
const WAY: readonly (readonly [name: string, place: Place, point: Mark['point']])[] = [
  ['controller: authenticate, find the action, choose the invoker', 'controller', 'send'],
  ["controller: encode the message, Kafka's client", 'controller', 'written'],
  ['broker: take it, hand it over', 'invoker', 'read'],
  ["invoker: Kafka's client", 'invoker', 'handed'],
  ['invoker: decode it, choose the container', 'invoker', 'run'],
  ['container: /run', 'invoker', 'ran'],
  ['invoker: make the record', 'invoker', 'send'],
  ["invoker: encode the message, wait for its turn, Kafka's client", 'invoker', 'written'],
  ['broker: take it, hand it over', 'controller', 'read'],
  ["controller: Kafka's client", 'controller', 'handed'],
  ['controller: decode it, answer', 'controller', 'answered'],
];

/** A step and its median duration in ms. */
export interface Step {
  readonly name: string;
  readonly ms: number;
}

export interface Steps {
  /** In the order of a call. */
  readonly steps: readonly Step[];
  /** From the request to the answer, at the median, in ms. */
  readonly totalMs: number;
  /** The calls whose way was found, and all calls but the last. */
  readonly found: number;
  readonly calls: number;
}

/**
 * The steps of blocking calls that were made one after the other.
 * @param marks of each process, in the order of time
 */
export function stepsOf(marks: Readonly<Record<Place, readonly Mark[]>>): Steps {
  const requests = marks.controller.filter(({ point }) => point === 'request').map(({ at }) => at);
  const ways: number[][] = [];
  for (let i = 0; i + 1 < requests.length; i++) {
    const [start = 0, end = 0] = [requests[i], requests[i + 1]];
    const within = ({ at }: Mark): boolean => at >= start && at < end;
    const way = wayOf({ controller: marks.controller.filter(within), invoker: marks.invoker.filter(within) }, start);
    if (way) ways.push(way);
  }
  const median = (durations: readonly number[]): number => latencies(durations).p50;
  return {
    steps: WAY.map(([name], i) => ({ name, ms: median(ways.map((way) => way[i] ?? 0)) })),
    totalMs: median(ways.map((way) => way.reduce((sum, ms) => sum + ms, 0))),
    found: ways.length,
    calls: requests.length - 1,
  };
}

/** The durations of the steps of one call; undefined if a point is missing. */
function wayOf(marks: Readonly<Record<Place, readonly Mark[]>>, start: number): number[] | undefined {
  const times: number[] = [];
  let from = start;
  for (const [i, [, place, point]] of WAY.entries()) {
    let reached: number | undefined;
    if (point === 'read') {
      // Responses of other requests are read meanwhile: the last one before the handler has the message counts.
      const handed = marks[place].find((mark) => mark.point === WAY[i + 1]?.[2] && mark.at >= from);
      reached = marks[place].findLast((mark) => mark.point === point && mark.at <= (handed?.at ?? 0))?.at;
    } else reached = marks[place].find((mark) => mark.point === point && mark.at >= from)?.at;
    if (reached === undefined || reached < from) return undefined;
    times.push(reached - from);
    from = reached;
  }
  return times;
}
