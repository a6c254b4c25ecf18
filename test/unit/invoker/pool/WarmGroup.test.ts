import assert from 'node:assert/strict';
import { newEntry, type ContainerEntry } from '../../../../invoker/pool/ContainerEntry.js';
import { ContainerTable } from '../../../../invoker/pool/ContainerTable.js';

/** A table with idle containers of one action, and each of them serves one activation of the color, in this order. */
function served(containers: number, color: string): ContainerEntry[] {
  const table = new ContainerTable<ContainerEntry>(4096, 8);
  const entries = Array.from({ length: containers }, (_, id) => newEntry(id, 'k', 128));
  for (const entry of entries) {
    table.addFor(entry, 'a', 1);
    table.setState(entry, 'warm');
  }
  for (const entry of entries) table.assign(entry, color);
  return entries;
}

describe('WarmGroup', () => {
  it('remembers the four containers that last served a color, and no more', () => {
    const homes = served(6, 'red').map((entry) => entry.colors?.has('red'));
    assert.deepEqual(homes, [false, false, true, true, true, true]);
  });

  it('counts a container that is no longer a home with one color less', () => {
    const table = new ContainerTable<ContainerEntry>(4096, 8);
    const entries = Array.from({ length: 5 }, (_, id) => newEntry(id, 'k', 128));
    for (const entry of entries) {
      table.addFor(entry, 'a', 1);
      table.setState(entry, 'warm');
      table.assign(entry, 'red');
    }
    for (const entry of entries) table.release(entry, false, 0);
    assert.equal(table.group('a')?.fewestColors(), entries[0], 'the first one lost its only color to the fifth');
  });
});
