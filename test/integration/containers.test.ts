import { silentLogger } from '../../shared/logging/Logger.js';
import { ProcessDriver } from '../../invoker/containers/process/ProcessDriver.js';
import { containerDriverSuite } from '../suites/containerDriver.js';

containerDriverSuite('process', async (owner) => ({
  driver: new ProcessDriver({ owner, logger: silentLogger }),
  reference: '',
}));
