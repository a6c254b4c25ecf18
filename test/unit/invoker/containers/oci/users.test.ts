import assert from 'node:assert/strict';
import { linkSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mappingFault, shiftOwners } from '../../../../../invoker/containers/oci/users.js';

const FIRST = 0x7000_0000;

describe('the users of containers of an OCI runtime', () => {
  it('cannot be mapped to users that others have, or that there are not', async () => {
    for (const first of [1, 65_535, 2 ** 32 - 65_536, 2 ** 32]) {
      assert.match((await mappingFault(first)) ?? '', /is not from 65536 to 4294901758/);
    }
  });

  it('own the files of an image, each shifted once, and nothing outside of it', async function () {
    if (process.getuid?.() !== 0) this.skip();
    const folder = mkdtempSync(join(tmpdir(), 'pw-users-'));
    try {
      const image = join(folder, 'image');
      mkdirSync(join(image, 'dir'), { recursive: true });
      writeFileSync(join(image, 'dir', 'file'), '');
      linkSync(join(image, 'dir', 'file'), join(image, 'same'));
      writeFileSync(join(folder, 'outside'), '');
      symlinkSync(join(folder, 'outside'), join(image, 'link'));
      // The second time it has nothing left to do.
      for (let i = 0; i < 2; i++) {
        await shiftOwners(image, FIRST);
        for (const name of ['', 'dir', 'dir/file', 'same', 'link']) {
          const { uid, gid } = lstatSync(join(image, name));
          assert.deepEqual([uid, gid], [FIRST, FIRST], name);
        }
      }
      assert.equal(lstatSync(join(folder, 'outside')).uid, 0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
