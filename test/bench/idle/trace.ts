import { seeded, TraceBuilder, zipf, type Trace } from '../../../controller/simulate/index.js';

/*
 * A trace like that of Azure Functions, made by its published shape ("Serverless in the Wild", section 3): most actions
 * are invoked rarely, timers with a period of minutes to hours are common, a few actions get most of the invocations,
 * and runs last about a second.
 */

export interface TraceShape {
  readonly actions: number;
  readonly days: number;
  readonly seed: number;
}

export const CLASSES = ['timers', 'bursts', 'requests'] as const;
export type ActionClass = (typeof CLASSES)[number];

/** The share of each class in the actions. */
const SHARES: Readonly<Record<ActionClass, number>> = { timers: 0.45, bursts: 0.2, requests: 0.35 };

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** The periods of timers, in minutes; each is as likely. */
const PERIODS = [1, 5, 10, 15, 30, 60, 60, 120, 180, 360, 1440];
/** The most invocations of all actions with requests, a second. */
const REQUESTS_PER_SECOND = 1;
const DAY = 24 * HOUR;

/** The class of an action of this trace. */
export function classOf(action: string): ActionClass | undefined {
  return CLASSES.find((name) => action.startsWith(name));
}

export function azureLike({ actions, days, seed }: TraceShape): Trace {
  const random = seeded(seed);
  const builder = new TraceBuilder();
  const end = days * DAY;
  /** Lasts about a second: the logarithm is normal (Box and Muller), the median 400 ms. */
  const duration = (): number =>
    Math.min(MINUTE, 400 * Math.exp(Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())));
  const exponential = (mean: number): number => -mean * Math.log(1 - random());
  const add = (action: string, t: number): void => {
    if (t < end) builder.add({ t, color: action, action, ms: duration() });
  };
  for (let i = 0; i < actions * SHARES.timers; i++) {
    const period = MINUTE * (PERIODS[Math.floor(random() * PERIODS.length)] ?? 60);
    // A timer fires up to two seconds late.
    for (let t = random() * period; t < end; t += period) add(`timers-${i}`, t + 2000 * random());
  }
  for (let i = 0; i < actions * SHARES.bursts; i++) {
    const gap = HOUR * (0.25 + 8 * random());
    const size = 2 + 30 * random();
    for (let t = exponential(gap); t < end; t += exponential(gap)) {
      for (let n = exponential(size); n >= 0; n--) add(`bursts-${i}`, t + MINUTE * random());
    }
  }
  const pick = zipf(Math.ceil(actions * SHARES.requests), 1.2, random);
  for (let t = 0; t < end;) {
    // Twice as many by day as by night.
    const rate = REQUESTS_PER_SECOND * (0.75 + 0.25 * Math.sin((2 * Math.PI * t) / DAY));
    t += exponential(1000 / rate);
    add(`requests-${pick()}`, t);
  }
  return builder.build();
}
