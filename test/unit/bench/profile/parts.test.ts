import assert from 'node:assert/strict';
import { partOf, partsOfProfile } from '../../../bench/profile/parts.js';

const ROOT = 'file:///app/dist/';

describe('the parts of a profile', () => {
  for (const [url, functionName, part] of [
    [`${ROOT}controller/http/Bodies.js`, 'read', 'controller/http'],
    [`${ROOT}invoker/Invoker.js`, '', 'invoker'],
    [`${ROOT}shared/store/embedded/EntryLog.js`, 'put', 'shared/store'],
    ['file:///app/node_modules/undici/lib/core/util.js', 'f', 'package undici'],
    ['file:///app/node_modules/@scope/one/node_modules/@scope/two/index.js', 'f', 'package @scope/two'],
    ['node:internal/streams/readable', 'read', 'node:streams'],
    ['node:_http_outgoing', 'end', 'node:http'],
    ['node:events', 'emit', 'node:events'],
    ['', '(garbage collector)', 'garbage collection'],
    ['', 'writev', 'native writev'],
    ['', '(program)', 'native, other'],
  ] as const) {
    it(`has ${part} for ${functionName || 'a function'} of ${url || 'native code'}`, () =>
      assert.equal(partOf({ functionName, url }, ROOT), part));
  }

  it('adds up self time, and takes idle time apart', () => {
    const frame = (id: number, functionName: string, url = ''): object => ({ id, callFrame: { functionName, url } });
    const profile = {
      nodes: [
        frame(1, '(idle)'),
        frame(2, 'a', `${ROOT}invoker/pool/a.js`),
        frame(3, 'b', `${ROOT}invoker/pool/b.js`),
        frame(4, 'writev'),
      ],
      samples: [1, 2, 3, 4, 2],
      timeDeltas: [500, 100, 100, 200, 100],
    };
    const { busy, idle } = partsOfProfile(JSON.stringify(profile), ROOT);
    assert.equal(idle, 0.5);
    assert.deepEqual(
      [...busy],
      [
        ['invoker/pool', 0.6],
        ['native writev', 0.4],
      ],
    );
  });

  it('refuses an invalid profile', () => assert.throws(() => partsOfProfile('{}', ROOT)));
});
