import assert from 'node:assert/strict';
import { STANDALONE_SETTINGS, standaloneSettings } from '../../../../deploy/standalone/settings.js';
import { unknownSettings } from '../../../../shared/config/unknownSettings.js';

describe('the settings of the standalone server', () => {
  it('have the defaults of the distributed processes, but for the rates', () => {
    const { limits, controller, server, balancer, invoker, logFormat } = standaloneSettings({});
    assert.equal(limits.invocationsPerMinute, 1_000_000);
    assert.deepEqual(controller, {
      sharedPackagesExecuteOnly: false,
      requireApiKeyAnnotation: true,
      requireResponsePayload: true,
      transactionHeader: 'X-Request-ID',
      readinessFraction: 1,
    });
    assert.deepEqual(server, { maxConnections: 10_000, maxTargetBytes: 8192 });
    assert.equal(balancer.offlineAfterMs, 10_000);
    assert.equal(invoker.waitingBytes, 64 * 1024 * 1024);
    assert.equal(logFormat, 'text');
  });

  it('are read from the variables of the distributed processes', () => {
    const { controller, balancer, invoker, selection, logFormat, logLevel, runtimes } = standaloneSettings({
      LOG_FORMAT: 'json',
      CONFIG_logback_log_level: 'WARN',
      CONFIG_whisk_transactions_header: 'X-Transaction',
      CONFIG_whisk_featureFlags_requireResponsePayload: 'false',
      CONFIG_whisk_loadbalancer_timeoutFactor: '3',
      CONFIG_whisk_activation_storeBlockingResultLevel: 'STORE_FAILURES',
      RUNTIMES_MANIFEST: 'file:mine.json',
      CONFIG_whisk_invoker_resource_tags: 'gpu, v2',
      CONFIG_whisk_invoker_dedicated_namespaces: 'guest',
    });
    assert.deepEqual(selection, { tags: ['gpu', 'v2'], dedicatedNamespaces: ['guest'] });
    assert.deepEqual([logFormat, logLevel], ['json', 'warn']);
    assert.equal(controller.transactionHeader, 'X-Transaction');
    assert.equal(controller.requireResponsePayload, false);
    assert.equal(balancer.timeoutFactor, 3);
    assert.equal(invoker.storeLevels.blocking, 'STORE_FAILURES');
    assert.equal(runtimes.manifest, 'file:mine.json');
  });

  it('that have no effect on it are named', () => {
    assert.deepEqual(unknownSettings({ CONFIG_whisk_couchdb_host: 'db' }, STANDALONE_SETTINGS), [
      'CONFIG_whisk_couchdb_host has no effect on this server',
    ]);
    assert.deepEqual(
      unknownSettings({ CONFIG_whisk_containerFactory_containerArgs_network: 'mine' }, STANDALONE_SETTINGS),
      [],
    );
  });
});
