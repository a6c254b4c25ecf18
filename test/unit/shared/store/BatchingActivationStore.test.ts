import { openTemporaryStores } from '../../../../shared/store/embedded/open.js';
import { activationStoreSuite } from '../../../suites/activationStore.js';

describe('BatchingActivationStore', () => activationStoreSuite(openTemporaryStores));
