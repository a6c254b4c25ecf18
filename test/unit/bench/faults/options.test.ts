import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OptionError, readOptions } from '../../../bench/faults/options.js';
import { DISTRIBUTED, named, playable } from '../../../bench/faults/trials.js';

describe('the options of bench:faults', () => {
  it('have defaults', () => {
    const { seed, ...options } = readOptions([]);
    const couch = { kind: 'stand-in' };
    assert.deepEqual(options, {
      rounds: 3,
      brokers: 1,
      couch,
      only: [''],
      results: undefined,
      list: false,
      help: false,
    });
    assert.ok(Number.isInteger(seed));
  });

  it('are read', () => {
    const args = [
      '--rounds',
      '100',
      '--brokers',
      '3',
      '--seed',
      '7',
      '--results',
      'f',
      '--only',
      'one',
      '--only',
      'two',
      '--list',
      '-h',
    ];
    const couch = { kind: 'stand-in' };
    const expected = {
      rounds: 100,
      brokers: 3,
      couch,
      only: ['one', 'two'],
      results: 'f',
      seed: 7,
      list: true,
      help: true,
    };
    assert.deepEqual(readOptions(args), expected);
  });

  it('take the URL of a running CouchDB', () => {
    for (const url of ['http://admin:a%20b@127.0.0.1:5984/', 'https://admin:secret@couch.example/']) {
      assert.deepEqual(readOptions(['--couchdb', url]).couch, { kind: 'running', url });
    }
    const { couch } = readOptions(['--couchdb', 'http://admin:secret@127.0.0.1:5984']);
    assert.deepEqual(couch, { kind: 'running', url: 'http://admin:secret@127.0.0.1:5984/' });
  });

  it('take the folder of an installed CouchDB', () => {
    const home = mkdtempSync(join(tmpdir(), 'couchdb-home-'));
    try {
      assert.throws(() => readOptions(['--couchdb', home]), /with bin\/couchdb and etc\/default.ini in it/);
      for (const folder of ['bin', 'etc']) mkdirSync(join(home, folder));
      for (const file of ['bin/couchdb', 'etc/default.ini']) writeFileSync(join(home, file), '');
      assert.deepEqual(readOptions(['--couchdb', home]).couch, { kind: 'installed', home });
    } finally {
      rmSync(home, { recursive: true });
    }
  });

  const WRONG: readonly [readonly string[], RegExp][] = [
    [['--rounds', '0'], /--rounds takes a whole number from 1/],
    [['--rounds', 'many'], /--rounds takes a whole number from 1/],
    [['--brokers', '2'], /--brokers takes 1 or 3/],
    [['--seed', 'x'], /--seed takes a whole number/],
    [['--couch', 'x'], /Unknown option '--couch'/],
    [['--couchdb', '/nowhere'], /'\/nowhere' is neither/],
    [['--couchdb', 'couch.example:5984'], /or a URL http:\/\/name:password@host:port/],
    [['--couchdb', 'http://127.0.0.1:5984'], /the name and the password are missing/],
    [['--couchdb', 'ftp://admin:secret@host'], /ftp: is not http: or https:/],
    [['--couchdb', 'http://admin:secret@'], /this one cannot be read/],
    [['--couchdb', 'http://admin:secret@host:1/whisks'], /nothing may follow the port/],
  ];
  for (const [args, message] of WRONG) {
    it(`are refused: ${args.join(' ')}`, () => {
      const isClear = (error: unknown): boolean =>
        error instanceof OptionError && message.test(error.message) && !error.message.includes('secret');
      assert.throws(() => readOptions(args), isClear);
    });
  }
});

describe('the trials of bench:faults', () => {
  it('leave a CouchDB alone that is not the bench’s own, and say so', () => {
    const { played, omitted } = playable(DISTRIBUTED, { brokers: 3, mayBreakCouch: false });
    const names = DISTRIBUTED.filter(({ breaksCouch }) => breaksCouch).map(({ name }) => name);
    assert.equal(names.length, 3);
    assert.deepEqual(
      omitted,
      names.map((name) => `${name}: the CouchDB of --couchdb is not the bench's own`),
    );
    assert.equal(played.length + omitted.length, DISTRIBUTED.length);
    assert.ok(played.every(({ name }) => !name.startsWith('database')));
  });

  it('are chosen by their whole names, or by parts of their names', () => {
    const all = ['broker killed', 'broker frozen', 'broker frozen for long'];
    const trials = all.map((name) => ({ name }));
    const chosen = (...only: string[]): string[] => named(trials, all, only).map(({ name }) => name);
    assert.deepEqual(chosen('broker frozen'), ['broker frozen']);
    assert.deepEqual(chosen('frozen'), ['broker frozen', 'broker frozen for long']);
    assert.deepEqual(chosen('broker frozen', 'killed'), ['broker killed', 'broker frozen']);
    assert.deepEqual(chosen(''), all);
    assert.deepEqual(chosen('invoker'), []);
  });

  it('elect leaders only if there are several brokers', () => {
    const { omitted } = playable(DISTRIBUTED, { brokers: 1, mayBreakCouch: true });
    assert.deepEqual(omitted, ['leaders elected: it needs --brokers 3']);
    assert.deepEqual(playable(DISTRIBUTED, { brokers: 3, mayBreakCouch: true }).omitted, []);
  });
});
