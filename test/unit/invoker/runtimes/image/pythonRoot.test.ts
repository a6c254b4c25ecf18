import assert from 'node:assert/strict';
import { collectPython, PYTHON_RUNTIME } from '../../../../../invoker/runtimes/image/pythonRoot.js';
import { findPython } from '../../../../../invoker/runtimes/python/hostPython.js';

describe('the image of a Python', function () {
  it('has the standard library without installed packages, compiled for good, and the runtime', async function () {
    if (process.platform !== 'linux') this.skip();
    const python = await findPython('3');
    if (typeof python === 'string') throw new Error(python);
    const entries = await collectPython(python, '/action');
    const paths = new Map(entries.map((entry) => [entry.path, entry]));
    for (const path of [python.program, PYTHON_RUNTIME, `${python.library}/json/__init__.py`, '/bin/sh', '/action']) {
      assert.ok(paths.has(path), path);
    }
    assert.deepEqual(paths.get('/usr/local/bin/python'), {
      type: 'link',
      path: '/usr/local/bin/python',
      target: python.program,
    });
    const others = [...paths.keys()].filter((path) => /-packages|\/idlelib\/|\/test\/|\.a$/.test(path));
    assert.deepEqual(others, []);
    const cached = entries.filter(({ path }) => path.endsWith('.pyc'));
    assert.ok(cached.length > 100, `${cached.length} compiled modules`);
    for (const entry of cached) {
      // Bytes 4 to 7 are flags: 1 is a compiled module that is not compared with its source.
      assert.ok(entry.type === 'file' && entry.data.readUInt32LE(4) === 1, entry.path);
    }
  });
});
