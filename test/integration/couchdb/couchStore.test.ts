import assert from 'node:assert/strict';
import type { NewDocument } from '../../../shared/store/ArtifactStore.js';
import { openCouchStores } from '../../../shared/store/couchdb/open.js';
import { activationStoreSuite } from '../../suites/activationStore.js';
import { administrationSuite } from '../../suites/administration.js';
import { artifactStoreSuite } from '../../suites/artifactStore.js';
import { entityStoreSuite } from '../../suites/entityStore.js';
import { subjectStoreSuite } from '../../suites/subjectStore.js';
import { startCouch, type Couch } from './couch.js';

describe('the stores in CouchDB', () => {
  let couch: Couch;
  before(async () => {
    couch = await startCouch();
  });
  after(() => couch.close());
  const open = () => openCouchStores(couch.options());

  describe('behave as stores', () => artifactStoreSuite(open));
  describe('hold entities', () => entityStoreSuite(open));
  describe('hold subjects', () => subjectStoreSuite(open));
  describe('hold activations', () => activationStoreSuite(open));
  it('take texts that were cut in the middle of a character', async () => {
    const stores = await open();
    const cut = '😀'.slice(0, 1);
    await stores.activations.putMany([{ _id: 'guest/whole' }, { _id: 'guest/cut', logs: [`${cut}!`] } as NewDocument]);
    await stores.whisks.put({ _id: 'guest/cut', parameters: { [cut]: 1 } } as NewDocument);
    assert.equal((await stores.activations.get('guest/whole'))?._id, 'guest/whole');
    assert.deepEqual((await stores.activations.get('guest/cut'))?.['logs'], ['\ufffd!']);
    assert.deepEqual((await stores.whisks.get('guest/cut'))?.['parameters'], { '\ufffd': 1 });
    await stores.close();
  });

  describe('are administered', () => administrationSuite(open));
});
