import assert from 'node:assert/strict';
import { FormerMemberships } from '../../../../../shared/messaging/kafka/FormerMemberships.js';
import { FakeKafka, type FakeFetcher } from './FakeKafka.js';
import { RecordingSink } from './RecordingSink.js';

describe('the former memberships of a consumer', () => {
  function setup() {
    const kafka = new FakeKafka();
    const subscription = { topic: 't', group: 'g', member: 'm', from: 'earliest' } as const;
    const add = async (former: FormerMemberships): Promise<FakeFetcher> => {
      const fetcher = kafka.fetcher(subscription, new RecordingSink());
      await former.giveBack(fetcher, 1000);
      return fetcher;
    };
    return { former: new FormerMemberships(), add };
  }

  it('leave, at most the last ten of them', async () => {
    const { former, add } = setup();
    const fetchers: FakeFetcher[] = [];
    for (let count = 0; count < 12; count++) fetchers.push(await add(former));
    await former.leave(1000);
    const kept = fetchers.map(({ keepsPlace }) => keepsPlace);
    assert.deepEqual(kept, [true, true, ...Array.from({ length: 10 }, () => false)]);
  });

  it('do not leave once the next membership has their place', async () => {
    const { former, add } = setup();
    const fetcher = await add(former);
    former.clear();
    await former.leave(1000);
    assert.equal(fetcher.keepsPlace, true);
  });

  it('end within a limit, each of them', async () => {
    const { former, add } = setup();
    const hanging = await add(former);
    hanging.close = () => new Promise(() => undefined);
    const other = await add(former);
    await former.giveBack(hanging, 1);
    await former.leave(1);
    assert.equal(other.keepsPlace, false);
  });
});
