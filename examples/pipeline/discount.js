function main({ total, ...order }) {
  return { ...order, total: total * 0.9, discount: '10 %' };
}
