import { randomUUID } from 'node:crypto';
import { openCouchStores } from '../../../shared/store/couchdb/open.js';
import { administrationSuite } from '../../suites/administration.js';
import { startCouch, type Couch } from './couch.js';

describe('administration of CouchDB', function () {
  this.timeout(60_000);
  let couch: Couch;
  before(async () => {
    couch = await startCouch();
  });
  after(() => couch.close());

  administrationSuite(() => openCouchStores(couch.options(`admin_${randomUUID().slice(0, 8)}_`)));
});
