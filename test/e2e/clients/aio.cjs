// Starts the runtime plugin of Adobe's `aio` without the rest of it.
const { run } = require('@oclif/core');
const path = require('node:path');

const root = path.dirname(require.resolve('@adobe/aio-cli-plugin-runtime/package.json'));
run(process.argv.slice(2), root).catch((/** @type {Error} */ error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
