#!/usr/bin/env node
/*
 * The command `palette-whisk`. `start` and `admin` parse their own command lines. Everything is imported when it is needed,
 * so that each command starts fast.
 */
const [verb, ...rest] = process.argv.slice(2);
if (verb === 'start') {
  const { start } = await import('../standalone/start.js');
  await start(rest);
} else if (verb === 'admin') {
  const { administerProcess } = await import('./admin/process.js');
  await administerProcess(rest);
} else if (verb === '--version' || verb === '-V') {
  const { programVersion } = await import('../../shared/process/version.js');
  process.stdout.write(`${programVersion()}\n`);
} else {
  const { processIo } = await import('./processIo.js');
  const { run } = await import('./program.js');
  process.exitCode = await run(process.argv.slice(2), processIo());
}
