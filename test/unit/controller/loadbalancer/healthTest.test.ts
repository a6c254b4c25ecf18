import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createHealthTestAction,
  healthTestAction,
  healthTests,
} from '../../../../controller/loadbalancer/healthTest.js';
import { actionDocumentSchema } from '../../../../shared/entities/documents.js';
import { decodeActivationMessage, encodeActivationMessage } from '../../../../shared/messages/activation.js';
import { openEmbeddedStores } from '../../../../shared/store/embedded/open.js';

const controller = { asString: '7', instanceType: 'controller' } as const;
const options = { controller, kind: 'nodejs:20', memory: 128, timeout: 60_000 };

describe('the test of an invoker', () => {
  it('is an action in the store, named for the controller and written over an older one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'health-'));
    const stores = await openEmbeddedStores(folder);
    try {
      await createHealthTestAction(stores.whisks, options, 1);
      await createHealthTestAction(stores.whisks, { ...options, kind: 'nodejs:22' }, 2);
      const stored = await stores.whisks.get('whisk.system/invokerHealthTestAction7');
      const action = actionDocumentSchema.parse(stored);
      assert.equal(action.exec.kind, 'nodejs:22');
      assert.equal(action.limits.memory, 128);
      const { _rev, ...written } = action;
      assert.match(_rev ?? '', /^2-/);
      assert.deepEqual(written, { ...healthTestAction(options, 2), exec: action.exec });
    } finally {
      await stores.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('is a message that makes the invoker read the action each time, with an identity without rights', () => {
    const next = healthTests(controller, 5);
    const [one, two] = [next(), next()];
    assert.notEqual(one.activationId, two.activationId);
    const read = decodeActivationMessage(encodeActivationMessage(one));
    assert.deepEqual([read.revision, read.blocking, read.content], [null, false, undefined]);
    assert.deepEqual(read.transid, { id: 'sid_invokerHealth', start: 5 });
    assert.equal(read.user.subject, 'whisk.system');
    assert.deepEqual(read.user.rights, []);
  });
});
