import { Lifecycle } from '../../../shared/process/Lifecycle.js';

const INTERRUPTED = 130;

// Its messages stand for themselves, as those of wskadmin do.
await Lifecycle.begin('').run(async (life) => {
  const { administer } = await import('./administer.js');
  await administer(life, process.argv.slice(2));
}, INTERRUPTED);
