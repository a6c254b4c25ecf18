import type { KindProbe } from '../../../shared/runtimes/KindAvailability.js';

/** Processes run kinds of Node.js only. */
export const processProbe: KindProbe = ({ kind }) =>
  Promise.resolve(kind.startsWith('nodejs:') ? undefined : 'without Docker only kinds of nodejs run');
