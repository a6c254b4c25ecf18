import assert from 'node:assert/strict';
import { POLICY_OPTIONS } from '../../../../shared/colors/ColorPolicy.js';
import { COLOR_SETTINGS, colorConfig } from '../../../../shared/config/colorSettings.js';
import { ConfigurationError, readSettings } from '../../../../shared/config/Setting.js';

const read = (environment: Record<string, string>) => colorConfig(readSettings(COLOR_SETTINGS, environment));

describe('the settings of colors', () => {
  it('are the defaults of the policies', () => {
    assert.deepEqual(read({}), {
      policy: 'consistent-hashing',
      parameters: POLICY_OPTIONS,
      patienceMs: 100,
      patienceLimitMs: 1000,
      homes: 3,
      moveMs: 10_000,
      goneAfterMs: 600_000,
    });
  });

  it('refuse an unknown policy and list the known ones', () => {
    assert.equal(read({ COLOR_POLICY: 'least-assigned' }).policy, 'least-assigned');
    assert.throws(
      () => read({ COLOR_POLICY: 'magic' }),
      (error) => {
        assert.ok(error instanceof ConfigurationError);
        assert.match(error.message, /COLOR_POLICY.*consistent-hashing, bucket-hashing, least-assigned/);
        return true;
      },
    );
  });

  it('refuse a factor that leaves no room to spill', () => {
    assert.equal(read({ COLOR_LOAD_FACTOR: '1.5' }).parameters.loadFactor, 1.5);
    assert.throws(() => read({ COLOR_LOAD_FACTOR: '1' }), ConfigurationError);
  });

  it('refuse a rebalance that would stop before it begins', () => {
    assert.equal(read({ COLOR_REBALANCE_TO: '1.15' }).parameters.rebalanceTo, 1.15);
    assert.throws(() => read({ COLOR_REBALANCE_TO: '1.3' }), {
      name: 'ConfigurationError',
      message: 'COLOR_REBALANCE_TO must be at most COLOR_REBALANCE_ABOVE, 1.15, not 1.3',
    });
  });
});
