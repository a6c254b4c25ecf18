import type { KindProbe } from '../../../shared/runtimes/KindAvailability.js';

/** Processes support only kinds of Node.js. */
export const processProbe: KindProbe = ({ kind }) =>
  Promise.resolve(kind.startsWith('nodejs:') ? undefined : 'without Docker only kinds of nodejs run');
