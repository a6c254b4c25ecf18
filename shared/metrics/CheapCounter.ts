import { Counter, type CounterConfiguration, type LabelValues } from 'prom-client';

/** The count of one set of labels. */
interface Row<T extends string> {
  readonly labels: LabelValues<T>;
  count: number;
}

/**
 * A counter for the path of each invocation. prom-client makes a text of the labels for each increment; this one adds to a number, which is
 * read at each collection. Its metrics are equal to prom-client's.
 */
export class CheapCounter<T extends string = string> extends Counter<T> {
  readonly #rows: Row<T>[];

  constructor(configuration: CounterConfiguration<T>) {
    const rows: Row<T>[] = [];
    super({
      ...configuration,
      collect() {
        this.reset();
        for (const { labels, count } of rows) if (count > 0) this.inc(labels, count);
      },
    });
    this.#rows = rows;
  }

  /**
   * The function that counts one with these labels, of which each set is to be bound once.
   * @throws Error for a label that was not declared
   */
  bind(labels: LabelValues<T>): () => void {
    // Checks the labels. Its line goes with the reset of the next collection.
    this.inc(labels, 0);
    const row: Row<T> = { labels, count: 0 };
    this.#rows.push(row);
    return () => {
      row.count++;
    };
  }
}
