import { readFileSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { NewDocument } from '../../../../../shared/store/ArtifactStore.js';
import { openEmbeddedStores } from '../../../../../shared/store/embedded/open.js';

/*
 * Opens the store of a folder, overwrites the leaves of its file that no start reads, writes, closes the store, and prints what both say. Closing fails
 * then, so that needs a process of its own.
 */
const PAGE = 4096;
const [, , folder = ''] = process.argv;
const path = join(folder, 'data.mdb');
const stores = await openEmbeddedStores(folder);
const content = readFileSync(path);
const file = openSync(path, 'r+');
// The roots of the list of free pages and of the tree of trees, which each start reads.
const roots = [0, PAGE / 2, PAGE].flatMap((at) =>
  [88, 136].map((field) => Number(content.readBigUInt64LE(at + field))),
);
for (let page = 2; page < content.length / PAGE; page++) {
  if (content.readUInt16LE(page * PAGE + 18) === 2 && !roots.includes(page))
    writeSync(file, Buffer.alloc(24), 0, 24, page * PAGE);
}
const said = (work: Promise<unknown>): Promise<string> => work.then(() => 'done', String);
const write = await said(stores.activations.putMany([{ _id: 'guest/1', activationId: '1' } as NewDocument]));
const close = await said(stores.close());
process.stdout.write(JSON.stringify({ write, close }), () => process.kill(process.pid, 'SIGKILL'));
