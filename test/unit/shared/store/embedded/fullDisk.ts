import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbeddedStores } from '../../../../../shared/store/embedded/open.js';

/* Fills the store in the folder given until it is full, and prints what came of it. Its files may not grow beyond a limit. */
const stores = await openEmbeddedStores(process.argv[2] as string);
const stored: string[] = [];
const errors = new Set<string>();
for (let n = 0, failed = 0; failed < 3; n++) {
  const document = {
    _id: `ns/${n}`,
    activationId: String(n),
    namespace: 'ns',
    start: n,
    end: 1,
    logs: ['x'.repeat(50_000)],
  };
  try {
    await stores.activations.putMany([document]);
    stored.push(document._id);
  } catch (error) {
    failed++;
    errors.add(`${(error as Error).name}: ${(error as Error).message}`);
  }
}
const fileBytes = statSync(join(process.argv[2] as string, 'data.mdb')).size;
let lost = 0;
for (const id of stored) if (!(await stores.activations.get(id))) lost++;
const closed = await stores.close().then(
  () => 'in order',
  (error: unknown) => String(error),
);
process.stdout.write(JSON.stringify({ stored: stored.length, lost, errors: [...errors], closed, fileBytes }));
