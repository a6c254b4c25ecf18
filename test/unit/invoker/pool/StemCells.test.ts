import assert from 'node:assert/strict';
import { StemCells } from '../../../../invoker/pool/StemCells.js';
import { NODE_IMAGE } from './setup.js';

const reactive = { minCount: 1, maxCount: 5, ttlMs: 1000, threshold: 2, increment: 1 };
const FIXED = { kind: 'nodejs:20', memoryMB: 256, image: NODE_IMAGE, initialCount: 2 };
const FOLLOWING = { ...FIXED, memoryMB: 128, initialCount: 1, reactive };
const MINUTE = 60_000;

describe('StemCells', () => {
  it('asks for those that are missing', () => {
    const cells = new StemCells([FIXED, FOLLOWING], 0);
    assert.deepEqual(
      cells.missing(() => 0, 0),
      [FIXED, FIXED, FOLLOWING],
    );
    assert.deepEqual(
      cells.missing(() => 1, 1000),
      [FIXED],
    );
  });

  it('follows the cold starts of the last minute', () => {
    const cells = new StemCells([FOLLOWING], 0);
    for (let i = 0; i < 6; i++) cells.countColdStart('nodejs:20', 128);
    cells.countColdStart('nodejs:20', 256);
    cells.countColdStart('python:3', 128);
    assert.equal(cells.missing(() => 0, MINUTE - 1).length, 1, 'not before the minute is over');
    assert.equal(cells.missing(() => 0, MINUTE).length, 3);
    assert.equal(cells.missing(() => 0, MINUTE + 1000).length, 3);
    assert.equal(cells.missing(() => 0, 2 * MINUTE).length, 1, 'a quiet minute later it is the least again');
  });

  it('waits twice as long after each failure in a row, for that kind alone', () => {
    const other = { ...FIXED, kind: 'python:3', initialCount: 1 };
    const cells = new StemCells([FIXED, other], 0);
    cells.failed(FIXED, 0);
    assert.deepEqual(
      cells.missing(() => 0, 500),
      [other],
    );
    assert.equal(cells.missing(() => 0, 1000).length, 3);
    cells.failed(FIXED, 1000);
    assert.equal(cells.missing(() => 0, 2999).length, 1);
    assert.equal(cells.missing(() => 0, 3000).length, 3);
    for (let i = 0; i < 20; i++) cells.failed(FIXED, 3000);
    assert.equal(cells.missing(() => 0, 3000 + MINUTE).length, 3, 'a minute at most');
    cells.failed(FIXED, 100_000);
    cells.succeeded(FIXED);
    assert.equal(cells.missing(() => 0, 100_000).length, 3);
  });
});
