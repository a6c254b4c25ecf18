/* What containers of Docker need, once an engine has answered. One import at run time is one joined file: see deploy/bundle. */
export { DockerDriver } from '../../invoker/containers/docker/DockerDriver.js';
export { actionNetwork, warnOfOpenNetwork } from '../../invoker/containers/docker/network.js';
export { dockerProbe } from '../../invoker/containers/docker/probeKind.js';
