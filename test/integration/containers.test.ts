import Docker from 'dockerode';
import { DockerDriver } from '../../invoker/containers/docker/DockerDriver.js';
import { ProcessDriver } from '../../invoker/containers/process/ProcessDriver.js';
import { RUNTIME_IMAGE } from '../../invoker/runtimes/image/build.js';
import { silentLogger } from '../../shared/logging/Logger.js';
import { containerDriverSuite } from '../suites/containerDriver.js';

containerDriverSuite('process', async (owner) => ({
  driver: new ProcessDriver({ owner, logger: silentLogger }),
  reference: '',
}));

containerDriverSuite('docker', async (owner) => ({
  driver: new DockerDriver({ owner, docker: new Docker(), logger: silentLogger }),
  reference: RUNTIME_IMAGE,
}));
