import { openTemporaryStores } from '../../../../shared/store/embedded/open.js';
import { subjectStoreSuite } from '../../../suites/subjectStore.js';

describe('SubjectStore', () => subjectStoreSuite(openTemporaryStores));
