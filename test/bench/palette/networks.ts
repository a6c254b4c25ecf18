import type { Network } from '../../../controller/simulate/index.js';

/** The paper's network is not in the sources: a slow and a fast one of data centers. */
export const NETWORKS: readonly { readonly name: string; readonly network: Network }[] = [
  { name: '1 Gbit/s', network: { latencyMs: 1, bandwidth: 1.25e5 } },
  { name: '10 Gbit/s', network: { latencyMs: 1, bandwidth: 1.25e6 } },
];
/** The network of the findings. */
export const SHOWN = '10 Gbit/s';
