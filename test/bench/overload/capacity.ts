import { rowOf, type Offer, type Offered, type Row } from './reads.js';

/*
 * The capacity of a server: the highest rate at which its queue does not grow. Rates rise step by step, each for long
 * enough to see whether the queue grows, from a server that has read each post several times. A step that grows is
 * tried once more, since something else may have been busy; the second one ends the search. The same steps serve
 * servers with colors and without.
 */

const WARM_UP = { rate: 25, seconds: 90 };
const FIRST_RATE = 30;
const RAISE = 1.08;
const MOST_RATE = 250;
const STEP_SECONDS = 30;
/** The queue grows if it gets longer by more than this share of the rate. */
const GROWS = 0.03;

export interface Capacity {
  /** Invocations per second; 0 if the queue grew at the first rate. */
  readonly rate: number;
  /** The steps, the last one of each rate. */
  readonly rows: readonly Row[];
}

export async function capacityOf(offer: Offer): Promise<Capacity> {
  await offer(WARM_UP.rate, WARM_UP.seconds);
  const rows: Row[] = [];
  let highest = 0;
  for (let rate = FIRST_RATE; rate <= MOST_RATE; rate = Math.round(rate * RAISE)) {
    let offered = await offer(rate, STEP_SECONDS);
    if (grows(offered)) offered = await offer(rate, STEP_SECONDS);
    rows.push(rowOf(offered));
    if (grows(offered)) break;
    highest = rate;
  }
  return { rate: highest, rows };
}

/**
 * Whether the queue grew from the second third of the time to the last one, by more than chance explains. The first
 * third does not count, since the queue that belongs to a rate builds up there.
 */
function grows({ rate, lastsMs, underWay }: Offered): boolean {
  const third = Math.floor(underWay.length / 3);
  const mean = (from: number): number =>
    underWay.slice(from, from + third).reduce((sum, count) => sum + count, 0) / third;
  const perSecond = (mean(2 * third) - mean(third)) / (lastsMs / 3000);
  return perSecond > GROWS * rate;
}
