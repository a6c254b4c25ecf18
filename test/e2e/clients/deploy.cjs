// Runs `deploy` of openwhisk-composer as it is, once for each message from the parent process, with the arguments in it. To load
// the client and the generator of conductors takes most of the command's time, which this process spends once.
const path = require('node:path');

const command = path.join(path.dirname(require.resolve('openwhisk-composer/package.json')), 'bin/deploy.js');
/** What ends the command's code where it exits. */
const EXITED = new Error('the command has exited');

/**
 * @param {string[]} words
 * @returns {Promise<{ stdout: string, error?: string }>}
 */
function printed(words) {
  let stderr = '';
  return new Promise((resolve) => {
    // The command prints once, where it succeeds. Otherwise it prints why, and exits.
    console.log = (/** @type {unknown} */ text) => resolve({ stdout: `${text}\n` });
    console.error = (/** @type {unknown} */ reason) =>
      void (stderr += `${reason instanceof Error ? reason.stack : reason}\n`);
    process.exit = (code) => {
      resolve({ stdout: '', error: `exit code ${code}\n${stderr}` });
      throw EXITED;
    };
    process.argv = [process.execPath, command, ...words];
    delete require.cache[command];
    try {
      require(command);
    } catch (error) {
      if (error !== EXITED) resolve({ stdout: '', error: error instanceof Error ? `${error.stack}` : String(error) });
    }
  });
}

process.on('unhandledRejection', (error) => {
  if (error !== EXITED) throw error;
});
process.on('message', async (/** @type {string[]} */ words) => {
  process.send?.(await printed(words));
});
