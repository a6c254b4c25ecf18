import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AcceptedRuns } from '../../controller/invocation/AcceptedRuns.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ActivationStore } from '../../shared/store/ActivationStore.js';
import { damageText } from '../../shared/store/embedded/dataFolder.js';
import { EntryLog } from '../../shared/store/embedded/EntryLog.js';

/** The folder of the log in which the thread of an invoker keeps the results that were answered and are not recorded yet. */
export const answeredFolder = (dataFolder: string, instance: number): string =>
  join(dataFolder, 'accepted', `invoker${instance}`);

const NAME = /^invoker(\d+)$/;

/**
 * Records the results that threads of an earlier run had answered. To be called before the threads start.
 * @throws StoreError
 */
export async function recoverAnswered(
  dataFolder: string,
  activations: Pick<ActivationStore, 'store'>,
  now: number,
  log: Logger,
): Promise<void> {
  const folder = join(dataFolder, 'accepted');
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => NAME.test(name)) : [];
  for (const name of names) {
    const entries = new EntryLog(join(folder, name), { onDamage: (damage) => log.error(damageText(damage)) });
    try {
      await new AcceptedRuns(entries.table('runs')).recover(activations, now, log);
    } finally {
      await entries.close();
    }
  }
}
