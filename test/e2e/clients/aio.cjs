// Runs the runtime plugin of Adobe's `aio` without the rest of it: one command, or with `--session` each command that comes
// as a message from the parent process. To load the plugin takes more than a second, which a session spends once.
const { run } = require('@oclif/core');
const path = require('node:path');

const root = path.dirname(require.resolve('@adobe/aio-cli-plugin-runtime/package.json'));

/** @param {string[]} words */
async function printed(words) {
  const write = process.stdout.write;
  let stdout = '';
  process.stdout.write = (/** @type {string | Uint8Array} */ chunk) => {
    stdout += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    return true;
  };
  try {
    await run(words, root);
    return { stdout };
  } catch (error) {
    // A command that ends early, with success, throws as well.
    const { oclif, message } = /** @type {{ oclif?: { exit?: number }, message: string }} */ (error);
    return oclif?.exit === 0 ? { stdout } : { stdout, error: message };
  } finally {
    process.stdout.write = write;
  }
}

if (process.argv[2] === '--session') {
  process.on('message', async (/** @type {string[]} */ words) => {
    process.exitCode = 0;
    process.send?.(await printed(words));
  });
} else {
  run(process.argv.slice(2), root).catch((/** @type {Error} */ error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
