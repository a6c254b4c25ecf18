/* What processes as containers need. One import at run time is one joined file: see deploy/bundle. */
export { processProbe } from '../../invoker/containers/process/probeKind.js';
export { ProcessDriver } from '../../invoker/containers/process/ProcessDriver.js';
