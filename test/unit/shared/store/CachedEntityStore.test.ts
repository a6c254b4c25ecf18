import { openTemporaryStores } from '../../../../shared/store/embedded/open.js';
import { entityStoreSuite } from '../../../suites/entityStore.js';

describe('CachedEntityStore', () => entityStoreSuite(openTemporaryStores));
