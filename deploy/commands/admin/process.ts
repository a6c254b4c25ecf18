import { Lifecycle } from '../../../shared/process/Lifecycle.js';

const INTERRUPTED = 130;

/** Runs an administrator's command as this process. Messages have no prefix, like those of wskadmin. */
export async function administerProcess(args: readonly string[]): Promise<void> {
  await Lifecycle.begin('').run(async (life) => {
    const { printsVersion } = await import('../../../shared/process/version.js');
    if (printsVersion(args)) return;
    const { administer } = await import('./administer.js');
    await administer(life, args);
  }, INTERRUPTED);
}
