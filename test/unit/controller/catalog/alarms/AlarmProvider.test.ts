import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { explain } from '../../../../../controller/api/answers.js';
import { AlarmProvider, type AlarmProviderParts } from '../../../../../controller/catalog/alarms/AlarmProvider.js';
import {
  NotAuthenticatedError,
  NotAuthorizedError,
  ThrottledError,
  type Refusal,
} from '../../../../../controller/refusals/refusals.js';
import type { JsonObject } from '../../../../../shared/entities/keyvalue.js';
import { silentLogger } from '../../../../../shared/logging/Logger.js';
import { user } from '../../invocation/runs.js';
import { Documents } from './Documents.js';

/** A provider whose trigger `ns/t` is refused so when an alarm fires it. */
function setUp(refusal: Refusal | undefined) {
  let fires = 0;
  const parts = {
    entities: { getTrigger: () => Promise.resolve({ _id: 'ns/t', parameters: [], annotations: [] }) },
    authentication: {
      authenticate: () => Promise.reject(new NotAuthenticatedError('invalid')),
      identityOfNamespace: () => Promise.resolve(user),
    },
    entitlement: {
      check: () => {
        fires++;
        return refusal ? Promise.reject(refusal) : Promise.resolve();
      },
    },
    explain,
    whisks: new Documents(),
    turnMs: 0,
    ready: () => true,
    clock: Date.now,
    log: silentLogger,
  } as unknown as AlarmProviderParts;
  const provider = new AlarmProvider(parts);
  const feed = async (args: JsonObject): Promise<JsonObject> => {
    const once = provider.feeds.get('whisk.system/alarms/once');
    assert.ok(once);
    return once({ user, args: { triggerName: '/ns/t', ...args } });
  };
  const status = async (): Promise<JsonObject> => (await feed({ lifecycleEvent: 'READ' }))['status'] as JsonObject;
  return { provider, feed, status, fires: () => fires };
}

/** An alarm that goes off as soon as it may. */
const ALARM = { lifecycleEvent: 'CREATE', isInterval: false, cron: '* * * * * *', trigger_payload: {} };

describe('an alarm whose trigger is refused', () => {
  it('is switched off, and says why in the words of the API', async () => {
    const { provider, feed, status } = setUp(new NotAuthorizedError(['ns/t']));
    await feed(ALARM);
    provider.start();
    while ((await status())['active'] === true) await sleep(10);
    assert.deepEqual((await status())['reason'], {
      kind: 'AUTO',
      statusCode: 403,
      message: "Trigger automatically disabled: The supplied authentication is not authorized to access 'ns/t'.",
    });
    await provider.stop();
  });

  it('stays while its namespace is over a limit: that passes', async () => {
    const { provider, feed, status, fires } = setUp(new ThrottledError('per minute', 2, 1));
    await feed(ALARM);
    provider.start();
    while (fires() === 0) await sleep(10);
    await provider.stop();
    assert.equal((await status())['active'], true);
  });

  it('is not created with a wrong key', async () => {
    const { feed } = setUp(undefined);
    assert.deepEqual(await feed({ ...ALARM, authKey: 'uuid:key' }), {
      error: { error: 'Trigger authentication request failed.' },
    });
  });
});
