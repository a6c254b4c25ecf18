import assert from 'node:assert/strict';
import { containerArgs } from '../../../../shared/config/containerArgs.js';

const NAME = 'CONFIG_whisk_containerFactory_containerArgs_';

describe('containerArgs', () => {
  it("reads the lists of OpenWhisk's deployments in the order of their numbers", () => {
    const variables = {
      [`${NAME}extraEnvVars_0`]: '__OW_ALLOW_CONCURRENT=true',
      [`${NAME}extraEnvVars_1`]: 'EMPTY',
      [`${NAME}extraEnvVars_2`]: 'URL=a=b',
      [`${NAME}extraArgs_label_10`]: 'c',
      [`${NAME}extraArgs_label_2`]: 'b',
      [`${NAME}extraArgs_logDriver_0`]: 'json-file',
      [`${NAME}network`]: 'mine',
    };
    assert.deepEqual(containerArgs(variables), {
      extraEnvironment: { __OW_ALLOW_CONCURRENT: 'true', EMPTY: '', URL: 'a=b' },
      extraArgs: { label: ['b', 'c'], 'log-driver': ['json-file'] },
    });
    assert.deepEqual(containerArgs({}), { extraEnvironment: {}, extraArgs: {} });
  });

  it('refuses names without a number and values that are not a variable', () => {
    assert.throws(() => containerArgs({ [`${NAME}extraEnvVars_x`]: 'A=1' }), /extraEnvVars_x must end with _0/);
    assert.throws(() => containerArgs({ [`${NAME}extraEnvVars_0`]: '=1' }), /must be NAME or NAME=VALUE/);
    assert.throws(() => containerArgs({ [`${NAME}extraArgs_label`]: 'a' }), /must end with _0/);
  });
});
