import assert from 'node:assert/strict';
import { unknownSettings } from '../../../../shared/config/unknownSettings.js';

describe('unknownSettings', () => {
  it('names the nearest setting of a misspelled one', () => {
    assert.deepEqual(unknownSettings({ CONFIG_whisk_timelimit_maximum: '5 m', CONFIG_whisk_couchdb_hots: 'db' }), [
      'CONFIG_whisk_timelimit_maximum is not a setting; did you mean CONFIG_whisk_timeLimit_max?',
      'CONFIG_whisk_couchdb_hots is not a setting; did you mean CONFIG_whisk_couchdb_host?',
    ]);
  });

  it('names none for a setting that resembles no other', () => {
    assert.deepEqual(unknownSettings({ CONFIG_whisk_spi_LogStoreProvider: 'x' }), [
      'CONFIG_whisk_spi_LogStoreProvider is not a setting',
    ]);
  });

  it('says which settings of other processes have no effect on this one', () => {
    assert.deepEqual(unknownSettings({ CONFIG_whisk_couchdb_host: 'db' }, new Set(['CONFIG_whisk_timeLimit_max'])), [
      'CONFIG_whisk_couchdb_host has no effect on this server',
    ]);
  });

  it('leaves known settings, topics, and the variables of other programs alone', () => {
    const known = { CONFIG_whisk_timeLimit_max: '5 m', CONFIG_whisk_kafka_topics_invoker_retentionMs: '1' };
    assert.deepEqual(unknownSettings({ ...known, PATH: '/bin', CONFIG_other: 'x' }), []);
  });
});
