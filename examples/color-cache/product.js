// What one invocation leaves here, later ones of the same container find.
const known = new Map();

async function main({ id }) {
  const hit = known.has(id);
  if (!hit) known.set(id, await readFromDatabase(id));
  return { ...known.get(id), hit };
}

/** Stands for a database that takes its time. */
async function readFromDatabase(id) {
  await new Promise((resolve) => setTimeout(resolve, 200));
  return { id, name: `product ${id}` };
}
