import type * as library from '@platformatic/kafka';

/** The parts of a batch of records that its check reads. Offsets of records count from `firstOffset`. */
export interface Batch {
  readonly firstOffset: bigint;
  readonly lastOffsetDelta: number;
  readonly records: readonly { readonly offsetDelta: number }[];
}

/**
 * The first batch of one partition that contradicts itself or its predecessor: it has more records than offsets, or its
 * offsets do not grow. The library does not compare the checksums of batches, so this is the damage that it lets through.
 */
export function findDamaged<B extends Batch>(batches: readonly B[]): B | undefined {
  let before = -1n;
  return batches.find(({ firstOffset, lastOffsetDelta, records }) => {
    if (firstOffset <= before || lastOffsetDelta < 0 || records.length > lastOffsetDelta + 1) return true;
    before = firstOffset + BigInt(lastOffsetDelta);
    let delta = -1;
    return records.some(({ offsetDelta }) => {
      if (offsetDelta <= delta || offsetDelta > lastOffsetDelta) return true;
      delta = offsetDelta;
      return false;
    });
  });
}

type Fetch = library.Consumer['fetch'];
type Options = Parameters<Fetch>[0];
interface Response {
  readonly responses: readonly { readonly partitions: readonly { readonly records?: readonly Batch[] }[] }[];
}

/**
 * Makes a response with a damaged batch an error: nothing of it is handed over. Otherwise the library reads the bytes that
 * follow as records: messages that do not exist, at offsets that skip messages that do.
 */
export function refuseDamaged(client: library.Consumer): void {
  // oxlint-disable-next-line typescript/unbound-method -- the proxy passes `this` on
  client.fetch = new Proxy(client.fetch, {
    apply: (fetch, self: library.Consumer, [options, callback]: [Options, library.Callback<Response>]): unknown => {
      const checked: library.Callback<Response> = (error, response) => {
        const damaged = response?.responses
          .flatMap(({ partitions }) => partitions)
          .map(({ records = [] }) => findDamaged(records))
          .find((batch) => batch !== undefined);
        if (error || !damaged) return callback(error, response);
        return callback(damagedAt(damaged), response);
      };
      return Reflect.apply(fetch, self, [options, checked]);
    },
  });
}

function damagedAt({ firstOffset, lastOffsetDelta, records }: Batch): Error {
  const counts = `${records.length} records at ${lastOffsetDelta + 1} offsets`;
  const text = `the batch at offset ${firstOffset} is damaged (${counts})`;
  // The name that a broker gives to this fault.
  return Object.assign(new Error(text), { apiId: 'CORRUPT_MESSAGE' });
}
