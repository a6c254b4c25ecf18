import type { KindProbe } from '../../../shared/runtimes/KindAvailability.js';
import { nodeBinaries, nodeMajor, type NodeBinaries } from '../../runtimes/versions/NodeBinaries.js';
import { processRuntime } from './processRuntimes.js';

/**
 * Checks whether a kind's runtime is on this machine, or can be downloaded.
 * @param binaries the versions of Node.js
 */
export const processProbe =
  (binaries: NodeBinaries = nodeBinaries()): KindProbe =>
  async (runtime) => {
    const major = nodeMajor(runtime.kind);
    if (major !== undefined) return binaries.missing(major);
    const found = await processRuntime(runtime);
    return typeof found === 'string' ? found : undefined;
  };
