import { openCouchStores } from '../../../shared/store/couchdb/open.js';
import { artifactStoreSuite } from '../../suites/artifactStore.js';
import { startCouch, type Couch } from './couch.js';

describe('the store in CouchDB', () => {
  let couch: Couch;
  before(async function () {
    this.timeout(120_000);
    couch = await startCouch();
  });
  after(() => couch.close());

  describe('behaves as a store', () => artifactStoreSuite(() => openCouchStores(couch.options('suite_'))));
});
