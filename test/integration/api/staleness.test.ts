import assert from 'node:assert/strict';
import { TestController } from './testController.js';

/** What another controller does goes past this one's cache. */
describe('entities that another controller has changed meanwhile', () => {
  let controller: TestController;
  before(async () => {
    controller = await TestController.start();
    await controller.action('a', 'some code;');
    await controller.must('PUT', '_/packages/p', {});
    await controller.must('PUT', '_/triggers/t', {});
    await controller.must('PUT', '_/rules/r', { trigger: '/_/t', action: '/_/a' });
  });
  after(() => controller.close());

  /** Changes the stored document without telling this controller. */
  async function changeBehindItsBack(id: string): Promise<void> {
    const document = await controller.stores.whisks.get(`guest/${id}`);
    assert.ok(document);
    const changed = { ...document, version: '3.0.0' };
    await controller.stores.whisks.put(changed);
  }

  for (const path of ['rules/r', 'actions/a', 'packages/p', 'triggers/t']) {
    it(`are changed as they are now, not as they were read once: ${path}`, async () => {
      await controller.must('GET', `_/${path}`);
      await changeBehindItsBack(path.slice(-1));
      const changed = await controller.must('PUT', `_/${path}?overwrite=true`, {
        annotations: [{ key: 'late', value: true }],
      });
      assert.equal(changed.version, '3.0.1');
      await changeBehindItsBack(path.slice(-1));
      assert.equal((await controller.request('DELETE', `_/${path}`)).status, 200);
      assert.equal((await controller.request('GET', `_/${path}`)).status, 404);
    });
  }
});
