// Removes all objects of some colors.
const objects = require('palette-whisk/objects');

async function main({ colors }) {
  for (const color of colors) {
    for (const { key } of await objects.list(color)) await objects.delete(color, key);
  }
  return {};
}
