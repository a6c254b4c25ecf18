// Is called before the first step and after each one. `step` is what it has kept since its last call.
function main({ step = 'start', ...order }) {
  switch (step) {
    case 'start':
      return { action: 'shop/price', params: order, state: { step: 'priced' } };
    case 'priced':
      // A decision between two ways.
      return order.total >= 100
        ? { action: 'shop/discount', params: order, state: { step: 'discounted' } }
        : { action: 'shop/receipt', params: order, state: { step: 'done' } };
    case 'discounted':
      return { action: 'shop/receipt', params: order, state: { step: 'done' } };
    default:
      return { params: order };
  }
}
