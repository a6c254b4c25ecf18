import { Histogram, type HistogramConfiguration, type LabelValues } from 'prom-client';

/** The counts of one set of labels. */
interface Row<T extends string> {
  readonly labels: LabelValues<T>;
  /** For each bucket how many values are in it and in none before; the last one is for larger values. */
  readonly counts: Float64Array;
  count: number;
  sum: number;
}

/** A line of the metrics. Its labels are both. */
interface Line<T extends string> {
  readonly metricName: string;
  readonly labels: { readonly le?: number | '+Inf' };
  readonly sharedLabels: LabelValues<T>;
  readonly value: number;
}

/**
 * A histogram for the path of each invocation. prom-client checks the labels and makes a text of them for each value; this one does so once
 * for each set of labels. Its metrics are equal to prom-client's.
 */
export class CheapHistogram<T extends string = string> extends Histogram<T> {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #labelled: boolean;
  readonly #rows: Row<T>[] = [];

  constructor(configuration: HistogramConfiguration<T> & { readonly buckets: number[] }) {
    super(configuration);
    this.#name = configuration.name;
    this.#help = configuration.help;
    this.#bounds = configuration.buckets;
    this.#labelled = (configuration.labelNames ?? []).length > 0;
  }

  /**
   * The function that observes values with these labels, of which each set is to be bound once. Values are finite.
   * @throws Error for a label that was not declared
   */
  bind(labels: LabelValues<T>): (value: number) => void {
    this.labels(labels);
    const bounds = this.#bounds;
    const row: Row<T> = { labels, counts: new Float64Array(bounds.length + 1), count: 0, sum: 0 };
    // As with prom-client, only a histogram without labels has lines before its first value.
    if (!this.#labelled) this.#rows.push(row);
    return (value) => {
      if (row.count === 0 && this.#labelled) this.#rows.push(row);
      let bucket = 0;
      while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket++;
      row.counts[bucket] = (row.counts[bucket] ?? 0) + 1;
      row.count++;
      row.sum += value;
    };
  }

  /** What prom-client reads for its text and its JSON. */
  async getForPromString(): Promise<object> {
    const values = this.#rows.flatMap((row) => this.#linesOf(row));
    return { name: this.#name, help: this.#help, type: 'histogram', values, aggregator: 'sum' };
  }

  #linesOf({ labels, counts, count, sum }: Row<T>): Line<T>[] {
    let within = 0;
    const line = (suffix: string, value: number, le?: number | '+Inf'): Line<T> => ({
      metricName: `${this.#name}_${suffix}`,
      labels: le === undefined ? {} : { le },
      sharedLabels: labels,
      value,
    });
    const buckets = this.#bounds.map((bound, i) => line('bucket', (within += counts[i] ?? 0), bound));
    return [...buckets, line('bucket', count, '+Inf'), line('sum', sum), line('count', count)];
  }
}
