// Generates the tables. The same in each run.
const SEGMENTS = ['AUTOMOBILE', 'BUILDING', 'FURNITURE'];

export function tables(customers) {
  let seed = 7;
  const random = (below) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  const orders = customers * 5;
  return {
    customer: Array.from({ length: customers }, (_, id) => ({ id, segment: SEGMENTS[random(SEGMENTS.length)] })),
    order: Array.from({ length: orders }, (_, id) => ({ id, customer: random(customers), open: random(3) > 0 })),
    item: Array.from({ length: orders * 3 }, () => ({ order: random(orders), cents: 100 + random(10_000) })),
  };
}

/** The query in one process. */
export function revenue({ customer, order, item }) {
  const segments = new Map(customer.map(({ id, segment }) => [id, segment]));
  const open = new Map(order.filter((row) => row.open).map((row) => [row.id, segments.get(row.customer)]));
  const sums = {};
  for (const row of item) {
    const segment = open.get(row.order);
    if (segment !== undefined) sums[segment] = (sums[segment] ?? 0) + row.cents;
  }
  return sums;
}
