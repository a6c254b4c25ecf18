const PRICES = { pen: 2, book: 30 };

function main({ item, count = 1 }) {
  if (!(item in PRICES)) return { error: `there is no ${item}` };
  return { item, count, total: PRICES[item] * count };
}
