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

  it('are read once for an answer', async () => {
    const { whisks } = controller.stores;
    const get = whisks.get.bind(whisks);
    const read: string[] = [];
    whisks.get = (id) => {
      read.push(id);
      return get(id);
    };
    try {
      await controller.action('p/inner', 'some code;');
      for (const [path, ids] of [
        ['actions/a', ['guest/a']],
        ['actions/a?code=false', ['guest/a']],
        ['actions/p/inner', ['guest/p', 'guest/p/inner']],
        ['packages/p', ['guest/p']],
        ['triggers/t', ['guest/t']],
      ] as const) {
        read.length = 0;
        await controller.must('GET', `_/${path}`);
        assert.deepEqual(read, ids, path);
      }
    } finally {
      whisks.get = get;
      await controller.must('DELETE', '_/actions/p/inner');
    }
  });

  for (const path of ['rules/r', 'actions/a', 'packages/p', 'triggers/t']) {
    it(`are changed as they are now, not as they were read once: ${path}`, async () => {
      await controller.must('GET', `_/${path}`);
      await changeBehindItsBack(path.slice(-1));
      const changed = await controller.must('PUT', `_/${path}?overwrite=true`, {
        annotations: [{ key: 'late', value: true }],
      });
      assert.equal(changed.version, '3.0.1');
      await changeBehindItsBack(path.slice(-1));
      assert.equal((await controller.must('GET', `_/${path}`)).version, '3.0.0');
      assert.equal((await controller.request('DELETE', `_/${path}`)).status, 200);
      assert.equal((await controller.request('GET', `_/${path}`)).status, 404);
    });
  }
});
