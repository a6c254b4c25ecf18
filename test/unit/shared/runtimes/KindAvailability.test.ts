import assert from 'node:assert/strict';
import type { Logger } from '../../../../shared/logging/Logger.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { KindAvailability } from '../../../../shared/runtimes/KindAvailability.js';
import { parseManifest } from '../../../../shared/runtimes/manifest.js';

const image = (name: string) => ({ prefix: 'openwhisk', name, tag: 'nightly' });
const runtimes = parseManifest({
  runtimes: {
    nodejs: [{ kind: 'nodejs:20', image: image('node') }],
    python: [
      { kind: 'python:3', default: true, image: image('python') },
      { kind: 'python:2', deprecated: true, image: image('python2') },
    ],
  },
});

/** What is asked of a machine that has no python. */
function fixture() {
  const asked: string[] = [];
  const lines: string[] = [];
  const state = { now: 0, python: 'it cannot be pulled' as string | undefined };
  const log: Logger = { ...silentLogger, warn: (line: string) => void lines.push(line) };
  const kinds = new KindAvailability({
    runtimes,
    log,
    now: () => state.now,
    probe: ({ kind }) => {
      asked.push(kind);
      return Promise.resolve(kind.startsWith('python') ? state.python : undefined);
    },
  });
  return { asked, lines, state, kinds };
}

describe('KindAvailability', () => {
  it('says once which kinds cannot run, and why', async () => {
    const { kinds, lines, asked } = fixture();
    await kinds.announce();
    assert.deepEqual(lines, ['actions of these kinds cannot run: python:3 (it cannot be pulled)']);
    assert.deepEqual(asked, ['nodejs:20', 'python:3'], 'a deprecated kind is not asked for');
  });

  it('checks a kind that can run only once, and one that cannot run again after a while', async () => {
    const { kinds, asked, state } = fixture();
    assert.equal(await kinds.reason('nodejs:20'), undefined);
    assert.equal(await kinds.reason('python:3'), 'it cannot be pulled');
    assert.equal(await kinds.reason('python:3'), 'it cannot be pulled');
    state.now += 60_000;
    state.python = undefined;
    await kinds.reason('nodejs:20');
    await kinds.reason('python:3');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await kinds.reason('python:3'), undefined);
    assert.deepEqual(asked, ['nodejs:20', 'python:3', 'python:3']);
  });

  it('tells kinds of one image apart, since as processes they need different programs', async () => {
    const one = {
      python: ['python:3', 'python:3.12'].map((kind, i) => ({ kind, default: i === 0, image: image('python') })),
    };
    const kinds = new KindAvailability({
      runtimes: parseManifest({ runtimes: one }),
      log: silentLogger,
      now: () => 0,
      probe: async ({ kind }) => (kind === 'python:3.12' ? 'it is not installed' : undefined),
    });
    assert.equal(await kinds.reason('python:3'), undefined);
    assert.equal(await kinds.reason('python:3.12'), 'it is not installed');
    assert.deepEqual(kinds.unavailable(), { 'python:3.12': 'it is not installed' });
  });

  it('tells all kinds that cannot run once that is known, and keeps asking for them', async () => {
    const { kinds, state, asked } = fixture();
    assert.equal(kinds.unavailable(), undefined);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(kinds.unavailable(), { 'python:3': 'it cannot be pulled' });
    state.python = undefined;
    assert.deepEqual(kinds.unavailable(), { 'python:3': 'it cannot be pulled' });
    assert.deepEqual(asked, ['nodejs:20', 'python:3']);
    state.now += 60_000;
    kinds.unavailable();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(kinds.unavailable(), {});
    assert.deepEqual(asked, ['nodejs:20', 'python:3', 'python:3']);
  });

  it('assumes that a kind can run if that is unknown, or not known in time', async () => {
    const failing = new KindAvailability({
      runtimes,
      log: silentLogger,
      now: () => 0,
      probe: () => Promise.reject(new Error('the engine is away')),
    });
    assert.equal(await failing.reason('python:3'), undefined);
    assert.equal(await failing.reason('no:such'), undefined);
    const slow = new KindAvailability({
      runtimes,
      log: silentLogger,
      now: () => 0,
      probe: () => new Promise(() => {}),
    });
    assert.equal(await slow.reasonWithin('python:3', 1), undefined);
  });
});
