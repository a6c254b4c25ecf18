import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COUCHDB_SETTINGS } from '../../shared/config/couchdbSettings.js';
import { LIMIT_SETTINGS } from '../../shared/config/limitSettings.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { Lifecycle } from '../../shared/process/Lifecycle.js';
import type { CouchOptions } from '../../shared/store/couchdb/open.js';
import { startCouch } from '../../test/integration/couchdb/couch.js';
import { startKafka } from '../../test/integration/kafka/kafka.js';
import { loadManifest } from '../../shared/runtimes/manifest.js';
import { chooseContainers } from '../standalone/containers.js';
import { WELL_KNOWN_USERS } from '../standalone/users.js';
import { startFront } from './Front.js';
import type { LocalOptions } from './options.js';
import { couchSettings, Topology } from './Topology.js';

/** One user who has the machine to himself meets no rate limit: see docs/decisions/0003. */
const unlimited = ({ name }: { readonly name: string }, standard: string) => ({
  [name]: process.env[name] ?? standard,
});
const UNLIMITED = {
  ...unlimited(LIMIT_SETTINGS.invocationsPerMinute, '1000000'),
  ...unlimited(LIMIT_SETTINGS.concurrentInvocations, '1000'),
  ...unlimited(LIMIT_SETTINGS.firesPerMinute, '1000000'),
};

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Starts it all, and says where it is. */
export async function startLocal(life: Lifecycle, options: LocalOptions, log: Logger): Promise<void> {
  const containers = await chooseContainers(options.driver, log, loadManifest());
  const front = await startFront(options.port, containers.gateway);
  life.opened('front', () => Promise.resolve(front.close()));

  print('starting Kafka and CouchDB');
  const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-local-'));
  life.opened('logs', () => Promise.resolve(rmSync(folder, { recursive: true })));
  const [kafka, couch] = await Promise.all([
    // As in earlier runs: invokers remove the containers of one that was killed.
    running(life, 'Kafka', startKafka(`local-${front.port}-`)),
    running(life, 'CouchDB', startCouch()),
    containers.image,
  ]);

  print('starting controllers and invokers');
  const couchOptions = couch.options(
    (process.env['COUCHDB_URL'] ?? '') === '' ? 'whisk_local_' : `local_${front.port}_`,
  );
  const topology = await Topology.start({
    kafkaHosts: kafka.hosts,
    couch: couchOptions,
    controllers: options.controllers,
    invokers: options.invokers,
    driver: containers.kind,
    userMemoryMB: options.memoryMB,
    numbered: true,
    folder,
    environment: {
      ...UNLIMITED,
      SYSTEM_CATALOG: 'true',
      CONFIG_whisk_kafka_topics_prefix: kafka.prefix,
      CONFIG_whisk_kafka_topics_userEvent_prefix: kafka.prefix,
      WHISK_API_HOST_PROTO: 'http',
      WHISK_API_HOST_NAME: containers.gateway ?? '127.0.0.1',
      WHISK_API_HOST_PORT: String(front.port),
    },
  });
  life.opened('controllers and invokers', () => topology.stop());
  front.forwardTo(topology.controllers.map(({ url }) => url));

  const processes = [...topology.controllers, ...topology.invokers];
  print(`
API host     ${front.base}
guest key    ${WELL_KNOWN_USERS.guest}
${processes.map(({ name, url, pid }) => `${name.padEnd(12)} ${url}  pid ${pid}`).join('\n')}
containers   ${containers.kind}: ${containers.reason}
Kafka        ${kafka.hosts}
CouchDB      ${couch.url}
logs         ${folder}

  wsk property set --apihost ${front.base} --auth ${WELL_KNOWN_USERS.guest}
  curl -s ${topology.controllers[0]?.url}/invokers
  env ${adminEnvironment(couchOptions)} \\
    npm run --silent admin -- user list guest

Ctrl-C ends it, and removes all that it has made.`);
}

async function running<T extends { close(): Promise<void> }>(
  life: Lifecycle,
  name: string,
  starting: Promise<T>,
): Promise<T> {
  const started = await starting;
  life.opened(name, () => started.close());
  return started;
}

/** What the administration has to be told to find the database, for a shell. */
function adminEnvironment(couch: CouchOptions): string {
  const standards = new Map(Object.values(COUCHDB_SETTINGS).map(({ name, standard }) => [name, standard ?? '']));
  return Object.entries(couchSettings(couch))
    .filter(([name, value]) => value !== standards.get(name))
    .map(([name, value]) => `${name}='${value}'`)
    .join(' ');
}
