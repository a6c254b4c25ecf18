function main({ item, count, total, discount = 'none' }) {
  return { text: `${count} x ${item}: ${total} EUR (discount: ${discount})` };
}
