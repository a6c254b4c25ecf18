import { AggregatorRegistry, Registry, type MetricObjectWithValues, type MetricValue } from 'prom-client';
import { within } from '../process/within.js';

/** The metrics of another thread at one moment, as `getMetricsAsJSON` gives them. */
export type MetricsOfThread = MetricObjectWithValues<MetricValue<string>>[];

const ANSWER_MS = 1000;

/**
 * A registry whose text includes the metrics of other threads. Metrics of the same name in several threads are added up by labels.
 * A thread that does not answer in time is missing in the text.
 */
export class MergedRegistry extends Registry {
  readonly #threads: (() => Promise<MetricsOfThread>)[] = [];
  readonly #answerMs: number;

  /** @param answerMs the longest wait for the metrics of another thread, in ms. */
  constructor(answerMs = ANSWER_MS) {
    super();
    this.#answerMs = answerMs;
  }

  /** Adds a thread, whose metrics have other names than those of this registry. */
  include(read: () => Promise<MetricsOfThread>): void {
    this.#threads.push(read);
  }

  override async metrics(): Promise<string> {
    const own = await super.metrics();
    if (this.#threads.length === 0) return own;
    const none = (): MetricsOfThread => [];
    const others = await Promise.all(this.#threads.map((read) => within(read().catch(none), this.#answerMs, none)));
    return `${own}\n${await AggregatorRegistry.aggregate(others).metrics()}`;
  }
}
