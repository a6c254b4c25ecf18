import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { controllerConfig, CONTROLLER_SETTINGS } from '../../../shared/config/controllerConfig.js';
import { INVOKER_SETTINGS } from '../../../shared/config/invokerConfig.js';

const compose = readFileSync('deploy/compose/docker-compose.yml', 'utf8');
const example = readFileSync('deploy/compose/.env.example', 'utf8');

describe('deploy/compose', () => {
  it('sets only variables that the processes know', () => {
    const known = new Set(
      [...Object.values(CONTROLLER_SETTINGS), ...Object.values(INVOKER_SETTINGS)].map(({ name }) => name),
    );
    const set = [...compose.matchAll(/^ {2,}(KAFKA_HOSTS|(?:CONFIG|WHISK)_\w+):/gm)].map((match) => match[1] ?? '');
    assert.ok(set.length >= 9, set.join());
    assert.deepEqual(
      set.filter((name) => !known.has(name)),
      [],
    );
  });

  it('has no default password: what it asks for is in .env.example, and empty there', () => {
    const asked = new Set([...compose.matchAll(/\$\{(\w+):\?/g)].map((match) => match[1] ?? ''));
    for (const name of asked) assert.match(example, new RegExp(`^${name}=`, 'm'), name);
    for (const name of ['COUCHDB_PASSWORD', 'OPERATOR_PASSWORD']) {
      assert.ok(asked.has(name), name);
      assert.match(example, new RegExp(`^${name}=$`, 'm'));
    }
    assert.doesNotMatch(compose, /PASSWORD: (?!\$\{)/i);
  });

  it('shares objects with one secret, at the name of each process', () => {
    assert.match(compose, /^ {2}CONFIG_whisk_objects_secret: \$\{OBJECTS_SECRET:-\}$/m);
    assert.match(example, /^OBJECTS_SECRET=$/m);
    const names = ['controller0', 'controller1', 'invoker0', 'invoker1'];
    for (const name of names) {
      const service = new RegExp(`^ {2}${name}:\n((?: {4}.*\n)+)`, 'm').exec(compose)?.[1] ?? '';
      assert.match(service, new RegExp(`^ {6}CONFIG_whisk_objects_url: http://${name}:8080$`, 'm'));
      if (name.startsWith('invoker'))
        assert.match(service, new RegExp(`^ {6}CONFIG_whisk_objects_host: ${name}$`, 'm'));
    }
  });

  it('says enough to start a controller', () => {
    const values: Record<string, string> = { CONTROLLER_ID: '0' };
    for (const [, name = '', value = ''] of compose.matchAll(
      /^ {2}(KAFKA_HOSTS|CONFIG_whisk_(?:couchdb|controller)_\w+): (.*)$/gm,
    )) {
      values[name] = value.startsWith('${') ? 'given' : value;
    }
    const config = controllerConfig(values);
    assert.equal(config.couchDb.url, 'http://couchdb:5984');
    assert.deepEqual(config.kafka.brokers, ['kafka:9092']);
  });
});
