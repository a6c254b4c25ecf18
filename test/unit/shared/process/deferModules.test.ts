import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const MODULE = new URL('../../../../shared/process/deferModules.js', import.meta.url).toString();

/** The JSON that a script prints, in which seldom used modules are deferred. It runs in a process without packages. */
async function printed(script: string): Promise<unknown> {
  const begin = `
    import { createRequire } from 'node:module';
    import { deferSeldomUsed } from ${JSON.stringify(MODULE)};
    deferSeldomUsed();
    const { cache } = createRequire(import.meta.url);
    const has = (name) => Object.keys(cache).some((path) => path.includes('/node_modules/' + name + '/'));`;
  const args = ['--input-type=module', '-e', `${begin}${script}`];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, FORCE_COLOR: '0' },
    cwd: new URL('.', MODULE),
  });
  return JSON.parse(stdout);
}

describe('seldom used modules of packages', () => {
  it('load when they are called', async () => {
    const seen = await printed(`
      const { default: express } = await import('express');
      const before = has('raw-body');
      const parser = express.json();
      console.log(JSON.stringify([before, typeof parser, has('raw-body')]));
    `);
    assert.deepEqual(seen, [false, 'function', true]);
  });

  it('load when a property is read, with what was set before', async () => {
    // logform turns colors on when it is loaded.
    const seen = await printed(`
      const { default: winston } = await import('winston');
      const before = has('@colors/colors/lib');
      const line = winston.format.colorize().transform({ level: 'info', [Symbol.for('level')]: 'info', message: '' }, {});
      console.log(JSON.stringify([before, line.level, has('@colors/colors/lib')]));
    `);
    assert.deepEqual(seen, [false, '\u001b[32minfo\u001b[39m', true]);
  });

  it('load when their properties are listed', async () => {
    const seen = await printed(`
      await import('express');
      const qs = createRequire(createRequire(import.meta.url).resolve('express'))('qs');
      console.log(JSON.stringify([Object.keys(qs).includes('parse'), typeof { ...qs }.stringify]));
    `);
    assert.deepEqual(seen, [true, 'function']);
  });

  it('stay as they are when they are deferred again', async () => {
    const seen = await printed(`
      const { default: express } = await import('express');
      express.json();
      const loaded = Object.keys(cache).length;
      deferSeldomUsed();
      console.log(JSON.stringify([Object.keys(cache).length - loaded, typeof express.json()]));
    `);
    assert.deepEqual(seen, [0, 'function']);
  });
});
