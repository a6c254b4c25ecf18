import assert from 'node:assert/strict';
import { HomesCache } from '../../../../../invoker/objects/sharing/HomesCache.js';
import type { HomesReply } from '../../../../../shared/objects/homesReply.js';

const reply = (instance: number): HomesReply => ({
  policy: 'p',
  homes: [{ instance, url: 'http://a:1' }],
  away: [],
  validMs: 8000,
});

describe('the homes that an invoker remembers', () => {
  let now: number;
  let asked: string[];
  let answer: (count: number) => HomesReply | Promise<HomesReply>;
  let homes: HomesCache;

  beforeEach(() => {
    now = 0;
    asked = [];
    answer = reply;
    homes = new HomesCache(
      async (...question) => {
        asked.push(question.join(' '));
        return answer(asked.length);
      },
      () => now,
      2,
    );
  });
  const home = async (color = 'red'): Promise<unknown> => {
    const known = await homes.get('guest', color, undefined);
    return 'unknown' in known ? known.unknown : known.homes[0]?.instance;
  };

  it('are asked for once a second, and in the background before', async () => {
    assert.deepEqual(await Promise.all([home(), home()]), [1, 1]);
    now = 499;
    assert.equal(await home(), 1);
    assert.equal(asked.length, 1);
    now = 500;
    assert.equal(await home(), 1);
    assert.equal(asked.length, 2);
    assert.equal(await home(), 2);
    now = 1500;
    assert.equal(await home(), 3);
  });

  it('hold for as long as the controller said while none answers, and not longer', async () => {
    now = 5000;
    await home();
    answer = () => {
      throw new Error('no controller answers');
    };
    now = 12_999;
    assert.equal(await home(), 1);
    now = 13_000;
    assert.equal(await home(), 'no controller answers');
  });

  it('are the last ones after 3 s without a reply, and the reply still counts when it comes', async () => {
    await home();
    now = 2000;
    let settle: (late: HomesReply) => void = () => undefined;
    answer = () => new Promise<HomesReply>((resolve) => (settle = resolve));
    const first = home();
    now = 5000;
    assert.equal(await home(), 1);
    // They do not hold any more.
    now = 8000;
    const last = home();
    settle(reply(7));
    assert.deepEqual(await Promise.all([first, last]), [7, 7]);
  });

  it('are bounded: the least recently used color is forgotten', async () => {
    await home('red');
    await home('green');
    await home('red');
    await home('blue');
    assert.equal(await home('red'), 1);
    assert.equal(await home('green'), 4);
  });
});
