import type { NewDocument } from '../../../../../shared/store/ArtifactStore.js';
import { openEmbeddedStores } from '../../../../../shared/store/embedded/open.js';

/* Writes to the store in the folder given until it is killed, and tells its parent the id of each document that is stored. */
const stores = await openEmbeddedStores(process.argv[2] as string);
for (let n = 0; ; n += 3) {
  const ids = [n, n + 1, n + 2].map(String);
  await stores.activations.putMany(
    ids.map((id) => ({ _id: `ns/${id}`, activationId: id, namespace: 'ns', start: n, end: 1 }) as NewDocument),
  );
  for (const id of ids) process.send?.(id);
}
