/** Reads of posts by Zipf's law. Each container keeps some posts in memory: those that it read last. Times in ms. */
export const READS = { invokers: 4, slots: 2, posts: 400, exponent: 0.9, kept: 60, hitMs: 60, missMs: 360 } as const;

export interface ReadsOptions {
  readonly colored: boolean;
  /** The action's own patience. Missing: as shipped. */
  readonly patienceMs?: number | undefined;
}

export interface Answer {
  readonly ms: number;
  /** Whether the post was in memory. */
  readonly known: boolean;
  /** Whether it met its color's home. */
  readonly home: boolean;
}

/** What was offered at a rate, and what became of it. */
export interface Offered {
  /** Invocations per second. */
  readonly rate: number;
  /** The time in which it was offered, without the wait for the last answers. */
  readonly lastsMs: number;
  readonly answers: readonly Answer[];
  /** The number of invocations under way at the arrival of each. */
  readonly underWay: readonly number[];
}

/** Offers a rate evenly for some seconds, and waits for all answers. */
export type Offer = (rate: number, seconds: number) => Promise<Offered>;

/** Shares from 0 to 1, times in ms. */
export interface Row {
  readonly rate: number;
  readonly memory: number;
  readonly home: number;
  readonly p50: number;
  readonly p99: number;
}

export function rowOf({ rate, answers }: Offered): Row {
  const times = answers.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const at = (q: number): number => times[Math.floor(q * times.length)] ?? NaN;
  const share = (of: (answer: Answer) => boolean): number => answers.filter(of).length / answers.length;
  return {
    rate,
    memory: share(({ known }) => known),
    home: share(({ home }) => home),
    p50: at(0.5),
    p99: at(0.99),
  };
}

/** What was offered in a run, one after the other: invocations per second, and seconds. */
const PHASES = [
  [15, 30],
  [25, 15],
  [45, 40],
  [25, 15],
] as const;

export async function phases(offer: Offer): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [rate, seconds] of PHASES) rows.push(rowOf(await offer(rate, seconds)));
  return rows;
}
