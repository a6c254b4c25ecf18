import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalProcess } from '../../../deploy/local/LocalProcess.js';
import type { Topology } from '../../../deploy/local/Topology.js';
import type { DroppingProxy } from '../../history/DroppingProxy.js';
import type { OwnCouch } from '../../integration/couchdb/OwnCouch.js';
import type { Broker } from '../../integration/kafka/broker.js';

/** The parts that a trial may break. */
export interface Parts {
  readonly topology: Topology;
  readonly brokers: readonly Broker[];
  /** Before the brokers; only in trials that are `lossy`. */
  readonly proxies: readonly DroppingProxy[];
  /** Missing: it is not the bench's own, and may not be broken. */
  readonly couch?: OwnCouch | undefined;
  /** Gives every partition another leader; only where there are several brokers. */
  readonly elect?: (() => Promise<void>) | undefined;
}

export interface Trial {
  readonly name: string;
  /** Needs several brokers. */
  readonly replicated?: boolean;
  /** Needs a CouchDB that may be broken. */
  readonly breaksCouch?: boolean;
  /** Needs a cluster with proxies before its brokers. */
  readonly lossy?: boolean;
  /** Breaks a part and brings it back. @param random from 0 to 1, this round's own. */
  readonly fault: (parts: Parts, random: () => number) => Promise<void>;
}

/** How long a part is away: between these times, in ms. */
const SHORT = [300, 2500] as const;
/** Longer than the 30 s in which a request has to be answered, and than a session of a consumer. */
const LONG = [31_000, 36_000] as const;

export const DISTRIBUTED: readonly Trial[] = [
  { name: 'invoker killed', fault: (parts, random) => restart(pick(parts.topology.invokers, random), SHORT, random) },
  {
    name: 'invoker killed, back after 20 s',
    fault: (parts, random) => restart(pick(parts.topology.invokers, random), [20_000, 21_000], random),
  },
  {
    name: 'controller killed',
    fault: (parts, random) => restart(pick(parts.topology.controllers, random), SHORT, random),
  },
  {
    name: 'controller frozen',
    fault: (parts, random) => freeze(pick(parts.topology.controllers, random), SHORT, random),
  },
  { name: 'invoker frozen', fault: (parts, random) => freeze(pick(parts.topology.invokers, random), SHORT, random) },
  { name: 'broker killed', fault: (parts, random) => restart(pick(parts.brokers, random), SHORT, random) },
  { name: 'broker frozen', fault: (parts, random) => freeze(pick(parts.brokers, random), SHORT, random) },
  { name: 'broker away for long', fault: (parts, random) => restart(pick(parts.brokers, random), LONG, random) },
  { name: 'broker frozen for long', fault: (parts, random) => freeze(pick(parts.brokers, random), LONG, random) },
  {
    name: 'database killed',
    breaksCouch: true,
    fault: (parts, random) => restart(ownCouch(parts), SHORT, random),
  },
  {
    name: 'database frozen',
    breaksCouch: true,
    fault: (parts, random) => freeze(ownCouch(parts), SHORT, random),
  },
  {
    name: 'database away for 12 s',
    breaksCouch: true,
    fault: (parts, random) => restart(ownCouch(parts), [12_000, 13_000], random),
  },
  {
    // What the broker has taken is sent again, since its sender does not know that.
    name: 'answers of the broker lost',
    lossy: true,
    fault: async ({ proxies }, random) => {
      for (const proxy of proxies) proxy.dropAnswers();
      await sleep(between(SHORT, random));
      for (const proxy of proxies) proxy.heal();
    },
  },
  {
    name: 'leaders elected',
    replicated: true,
    fault: async ({ elect }) => {
      await elect?.();
    },
  },
  {
    name: 'rolling restart',
    fault: async ({ topology, brokers }) => {
      for (const part of [...topology.controllers, ...topology.invokers]) {
        await part.stop();
        await part.start();
      }
      // A lone broker that stops is an outage, which other trials make.
      for (const broker of brokers.length > 1 ? brokers : []) {
        await broker.stop();
        await broker.start();
      }
      await topology.ready();
    },
  },
];

function ownCouch({ couch }: Parts): OwnCouch {
  if (couch === undefined) throw new Error('this CouchDB may not be broken');
  return couch;
}

/** Trials with one of the names, and for a name that no trial has, trials whose names have it as a part. */
export function named<T extends { readonly name: string }>(
  trials: readonly T[],
  all: readonly string[],
  only: readonly string[],
): T[] {
  return trials.filter(({ name }) => only.some((part) => (all.includes(part) ? name === part : name.includes(part))));
}

/** Trials that the cluster allows, and why each other one is left out. */
export function playable(
  trials: readonly Trial[],
  { brokers, mayBreakCouch }: { readonly brokers: number; readonly mayBreakCouch: boolean },
): { readonly played: readonly Trial[]; readonly omitted: readonly string[] } {
  const omitted = trials.flatMap(({ name, replicated, breaksCouch }) => {
    if (replicated === true && brokers < 2) return [`${name}: it needs --brokers 3`];
    if (breaksCouch === true && !mayBreakCouch) return [`${name}: the CouchDB of --couchdb is not the bench's own`];
    return [];
  });
  const played = trials.filter(
    ({ replicated, breaksCouch }) => (replicated !== true || brokers > 1) && (breaksCouch !== true || mayBreakCouch),
  );
  return { played, omitted };
}

interface Restartable {
  kill(): Promise<unknown>;
  start(): Promise<void>;
}

interface Freezable {
  signal(signal: NodeJS.Signals): void;
}

async function restart(part: Restartable, away: Range, random: () => number): Promise<void> {
  await part.kill();
  await sleep(between(away, random));
  await part.start();
}

async function freeze(part: Freezable, away: Range, random: () => number): Promise<void> {
  part.signal('SIGSTOP');
  try {
    await sleep(between(away, random));
  } finally {
    part.signal('SIGCONT');
  }
}

type Range = readonly [number, number];

const between = ([from, to]: Range, random: () => number): number => from + random() * (to - from);

function pick<T extends LocalProcess | Broker>(items: readonly T[], random: () => number): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('the trial has no such part');
  return item;
}
