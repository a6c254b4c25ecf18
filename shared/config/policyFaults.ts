import type { OnFault } from '../colors/guardedPolicy.js';
import type { Logger } from '../logging/Logger.js';

/** The shortest time between two lines about the faults of a policy, in ms: it may have one at each invocation. */
const QUIET_MS = 60_000;

/** Logs the faults of a user's policy: the first one at once, and then at most one a minute, with their number. */
export function policyFaults(file: string, log: Pick<Logger, 'error'>, now: () => number = Date.now): OnFault {
  let quietUntil = -Infinity;
  let unsaid = 0;
  return (fault, error) => {
    if (now() < quietUntil) {
      unsaid++;
      return;
    }
    const more = unsaid === 0 ? '' : ` (and ${unsaid} more faults since the last line)`;
    log.error(`the color policy ${file} ${fault}; its invocations are placed like uncolored ones then${more}`, {
      error,
    });
    quietUntil = now() + QUIET_MS;
    unsaid = 0;
  };
}
