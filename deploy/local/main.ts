/*
 * Starts two controllers and two invokers as processes of this machine, with the Kafka of `KAFKA_HOSTS` and the CouchDB of
 * `COUCHDB_URL` where they are set, and else with those that the tests use: `npm run local`. Ctrl-C ends them all.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startCouch } from '../../test/integration/couchdb/couch.js';
import { startBroker } from '../../test/integration/kafka/broker.js';
import { WELL_KNOWN_USERS } from '../standalone/users.js';
import { Topology } from './Topology.js';

const USAGE = `Usage: npm run local -- [options]

  --controllers N   how many (default 2)
  --invokers N      how many (default 2)
  --process         run actions in plain processes instead of Docker containers
  --memory MB       memory for action containers of each invoker (default 2048)
`;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

try {
  const { values } = parseArgs({
    options: {
      controllers: { type: 'string', default: '2' },
      invokers: { type: 'string', default: '2' },
      process: { type: 'boolean', default: false },
      memory: { type: 'string', default: '2048' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(USAGE);
    process.exit(0);
  }
  await start(Number(values.controllers), Number(values.invokers), values.process, Number(values.memory));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function start(controllers: number, invokers: number, processes: boolean, userMemoryMB: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-local-'));
  const hosts = process.env['KAFKA_HOSTS'] ?? '';
  const [broker, couch] = await Promise.all([hosts === '' ? startBroker() : undefined, startCouch()]);
  const topology = await Topology.start({
    kafkaHosts: broker?.hosts ?? hosts,
    couch: couch.options('local_'),
    controllers,
    invokers,
    driver: processes ? 'process' : 'docker',
    userMemoryMB,
    folder,
  });
  for (const { name, url, pid } of [...topology.controllers, ...topology.invokers])
    print(`${name}  ${url}  pid ${pid}`);
  print(`logs         ${folder}`);
  print(`Kafka        ${broker?.hosts ?? hosts}`);
  print(`CouchDB      ${couch.url}`);
  print(`guest key    ${WELL_KNOWN_USERS.guest}`);
  print('Ctrl-C ends them all.');
  let ending = false;
  const end = (): void => {
    if (ending) process.exit(1);
    ending = true;
    void topology
      .stop()
      .then(() => Promise.all([broker?.close(), couch.close()]))
      .then(() => process.exit(0));
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
}
