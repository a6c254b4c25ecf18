import { openCouchStores } from '../../../shared/store/couchdb/open.js';
import { activationStoreSuite } from '../../suites/activationStore.js';
import { administrationSuite } from '../../suites/administration.js';
import { artifactStoreSuite } from '../../suites/artifactStore.js';
import { entityStoreSuite } from '../../suites/entityStore.js';
import { subjectStoreSuite } from '../../suites/subjectStore.js';
import { startCouch, type Couch } from './couch.js';

describe('the stores in CouchDB', function () {
  this.timeout(30_000);
  let couch: Couch;
  before(async function () {
    this.timeout(120_000);
    couch = await startCouch();
  });
  after(() => couch.close());
  const open = () => openCouchStores(couch.options());

  describe('behave as stores', () => artifactStoreSuite(open));
  describe('hold entities', () => entityStoreSuite(open));
  describe('hold subjects', () => subjectStoreSuite(open));
  describe('hold activations', () => activationStoreSuite(open));
  describe('are administered', () => administrationSuite(open));
});
