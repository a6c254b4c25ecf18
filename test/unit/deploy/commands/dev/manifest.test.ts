import assert from 'node:assert/strict';
import { ManifestError, parametersOf, parseManifest } from '../../../../../deploy/commands/dev/manifest.js';

describe('a manifest', () => {
  it('may be that of wskdeploy, below packages or project', async () => {
    const text =
      'project:\n  name: mine\n  packages:\n    tools:\n      actions:\n        a: { function: a.js, runtime: nodejs:20 }\n';
    assert.deepEqual(
      [...(await parseManifest(text))],
      [['tools', { actions: { a: { function: 'a.js', runtime: 'nodejs:20' } } }]],
    );
    assert.deepEqual([...(await parseManifest('packages:\n  empty:\n'))], [['empty', {}]]);
    assert.deepEqual([...(await parseManifest(''))], []);
  });

  it('is refused in one line with the place of the first mistake', async () => {
    const refused = (text: string, reason: RegExp) =>
      assert.rejects(parseManifest(text), (error: unknown) => {
        assert.ok(error instanceof ManifestError);
        assert.match(error.message, reason);
        assert.ok(!error.message.includes('\n'), error.message);
        return true;
      });
    await refused('packages: [', /at line 1, column 12/);
    await refused('packages:\n  a:\n    actoins: {}\n', /packages\.a has the unknown field 'actoins'/);
    await refused(
      'packages:\n  a:\n    actions:\n      b: { function: 3 }\n',
      /^packages\.a\.actions\.b\.function: .*string/,
    );
    await refused('just text', /the manifest: /);
  });

  it('gives parameters plainly, or described as for wskdeploy, from the environment if it says so', () => {
    const inputs = {
      a: 1,
      b: { type: 'string', value: 'x' },
      c: { type: 'integer', default: 5 },
      d: { type: 'string' },
      e: { value: 1, unit: 'm' },
    };
    assert.deepEqual(parametersOf({ inputs }, {}), [
      { key: 'a', value: 1 },
      { key: 'b', value: 'x' },
      { key: 'c', value: 5 },
      { key: 'e', value: { value: 1, unit: 'm' } },
    ]);
    const parameters = {
      whole: '$TOKEN',
      inside: ['x-${TOKEN}'],
      template: '{$activation}',
      price: 'US$5',
      typed: { type: 'string', value: 'x' },
    };
    assert.deepEqual(parametersOf({ parameters }, { TOKEN: 't' }), [
      { key: 'whole', value: 't' },
      { key: 'inside', value: ['x-t'] },
      { key: 'template', value: '{$activation}' },
      { key: 'price', value: 'US$5' },
      { key: 'typed', value: { type: 'string', value: 'x' } },
    ]);
    assert.throws(() => parametersOf({ parameters: { a: '$NONE' } }, {}), /NONE is not set/);
  });
});
