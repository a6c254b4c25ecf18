import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BegunJournal, damageOf } from '../../../../invoker/activations/BegunJournal.js';

const id = (n: number): string => n.toString(16).padStart(32, '0');

describe('BegunJournal', () => {
  let folder: string;
  let path: string;
  const opened: BegunJournal[] = [];
  const open = (maxLines?: number): BegunJournal => {
    const journal = new BegunJournal(path, maxLines);
    opened.push(journal);
    return journal;
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'begun-'));
    path = join(folder, 'invokers', 'invoker0.begun');
  });
  afterEach(() => {
    for (const journal of opened.splice(0)) journal.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('tells a successor which activations had begun, without having been closed', () => {
    const first = open();
    assert.equal(first.complete, false, 'there was no journal');
    first.begin(id(1));
    first.begin(id(2));
    first.end(id(2), false);
    assert.equal(first.hadBegun(id(1)), false, 'it was begun by this run');
    const second = open();
    assert.equal(second.complete, true);
    assert.deepEqual(
      [1, 2, 3].map((n) => second.hadBegun(id(n))),
      [true, true, false],
    );
  });

  it('knows all activations but those of damaged lines, and counts these', () => {
    const first = open();
    for (let n = 0; n < 5; n++) first.begin(id(n));
    const content = readFileSync(path);
    content.fill(0, 34, 2 * 34).fill('x', 3 * 34, 4 * 34);
    writeFileSync(path, content);
    const second = open();
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((n) => second.hadBegun(id(n))),
      [true, false, true, false, true],
    );
    assert.match(damageOf(second, 'invoker0') ?? '', /^2 lines of the journal of invoker0 are damaged/);
    // The next start still reads the damaged file, as the older one of two.
    open();
    assert.equal(damageOf(open(), 'invoker0'), undefined);
  });

  it('forgets activations that the container did not take', () => {
    const first = open();
    first.begin(id(1));
    first.retract(id(1));
    first.begin(id(2));
    first.retract(id(2));
    first.begin(id(2));
    const second = open();
    assert.deepEqual(
      [1, 2].map((n) => second.hadBegun(id(n))),
      [false, true],
    );
  });

  it('remembers over several starts', () => {
    open().begin(id(1));
    open().begin(id(2));
    open();
    const last = open();
    assert.deepEqual(
      [1, 2].map((n) => last.hadBegun(id(n))),
      [true, true],
    );
  });

  it('distinguishes ended activations from those that had only begun, over several starts', () => {
    const first = open();
    for (const n of [1, 2, 3]) first.begin(id(n));
    first.end(id(1), true);
    first.end(id(2), false);
    first.close();
    const second = open();
    const known = (journal: BegunJournal): boolean[][] =>
      [1, 2, 3, 4].map((n) => [journal.hadBegun(id(n)), journal.hadEnded(id(n))]);
    const expected = [
      [false, true],
      [true, false],
      [true, false],
      [false, false],
    ];
    assert.deepEqual(known(second), expected);
    second.end(id(3), true);
    second.close();
    assert.deepEqual(known(open()), [expected[0], expected[1], [false, true], expected[3]]);
  });

  it('writes an end with the next beginning, and many ends without one', () => {
    const first = open();
    first.begin(id(1));
    first.end(id(1), true);
    const second = open();
    assert.equal(second.hadEnded(id(1)), false, 'it was not written');
    second.begin(id(2));
    second.end(id(2), true);
    second.begin(id(3));
    const third = open();
    assert.equal(third.hadEnded(id(2)), true);
    for (let n = 10; n < 10 + 64; n++) third.begin(id(n));
    for (let n = 10; n < 10 + 64; n++) third.end(id(n), true);
    assert.equal(open().hadEnded(id(10)), true);
  });

  it('remembers as many of the latest as it says', () => {
    const first = open(20);
    assert.equal(first.remembered, 10);
    for (let n = 0; n < 100; n++) {
      first.begin(id(n));
      first.end(id(n), true);
    }
    first.close();
    const second = open(20);
    for (let n = 90; n < 100; n++) assert.equal(second.hadEnded(id(n)), true, `${n}`);
  });

  it('is bounded, and keeps the activations that are at work and the latest that ended', () => {
    const first = open(10);
    first.begin(id(0));
    const size = statSync(path).size;
    for (let n = 1; n <= 100; n++) {
      first.begin(id(n));
      first.end(id(n), false);
    }
    assert.equal(statSync(path).size, size);
    const second = open(10);
    assert.equal(second.hadBegun(id(0)), true, 'it is at work since long ago');
    for (let n = 91; n <= 100; n++) assert.equal(second.hadBegun(id(n)), true, `${n}`);
    assert.equal(second.hadBegun(id(1)), false);
  });
});
