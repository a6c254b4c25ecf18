import { Lifecycle } from '../../../shared/process/Lifecycle.js';

const INTERRUPTED = 130;

// Messages have no prefix, like those of wskadmin.
await Lifecycle.begin('').run(async (life) => {
  const { administer } = await import('./administer.js');
  await administer(life, process.argv.slice(2));
}, INTERRUPTED);
