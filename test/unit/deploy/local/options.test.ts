import assert from 'node:assert/strict';
import { parseOptions } from '../../../../deploy/local/options.js';

describe('the command line of npm run local', () => {
  it('needs nothing', () => {
    const standard = { port: 3233, controllers: 2, invokers: 2, driver: undefined, memoryMB: 2048 };
    assert.deepEqual(parseOptions([]), standard);
    assert.equal(parseOptions(['--help']), 'help');
  });

  it('takes numbers and a container driver', () => {
    const args = ['--port', '0', '--controllers', '3', '--invokers', '4', '--memory', '4096', '--process'];
    const expected = { port: 0, controllers: 3, invokers: 4, driver: 'process', memoryMB: 4096 };
    assert.deepEqual(parseOptions(args), expected);
  });

  it('names the mistake', () => {
    assert.throws(
      () => parseOptions(['--invokers', 'many']),
      /^Error: --invokers must be a whole number from 1 to 20, not 'many'$/,
    );
    assert.throws(() => parseOptions(['--controllers', '0']), /--controllers must be/);
    assert.throws(() => parseOptions(['--docker', '--process']), /choose one of/);
    assert.throws(() => parseOptions(['--colour']), /--colour/);
  });
});
