import { randomBytes } from 'node:crypto';
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
import { ownerOf, processFolder } from '../../invoker/containers/owner.js';
import { startFront } from './Front.js';
import type { LocalOptions } from './options.js';
import { endEarlierRun, runFile, writeRun } from './runFile.js';
import { RUN_VARIABLE, RunGuardian } from './RunGuardian.js';
import { couchSettings, Topology, uniqueName } from './Topology.js';
import { waiting } from './waits.js';

/** No rate limits by default, since the machine has only one user: see docs/decisions/0003. */
const unlimited = ({ name }: { readonly name: string }, standard: string) => ({
  [name]: process.env[name] ?? standard,
});
const UNLIMITED = {
  ...unlimited(LIMIT_SETTINGS.invocationsPerMinute, '1000000'),
  ...unlimited(LIMIT_SETTINGS.concurrentInvocations, '1000'),
  ...unlimited(LIMIT_SETTINGS.firesPerMinute, '1000000'),
};

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** The limit for engines: Maven downloads Kafka once, npm the stand-in for CouchDB, and Docker builds an image. */
const ENGINES_MS = 600_000;

/** Starts all parts and prints their addresses. */
export async function startLocal(life: Lifecycle, options: LocalOptions, log: Logger): Promise<void> {
  if (options.port !== 0) await endEarlierRun(runFile(options.port), options.port, print);
  const containers = await chooseContainers(options.driver, log, loadManifest());
  const names = new Map<string, string>();
  const front = await startFront({
    port: options.port,
    gateway: containers.gateway,
    onChange: (url, awayMs) => {
      const name = names.get(url) ?? url;
      if (life.stopping.aborted) return;
      if (awayMs === undefined) print(`${name} does not answer: requests go to the other controllers`);
      else print(`${name} answers again after ${Math.round(awayMs / 1000)} s`);
    },
  });
  life.opened('front', () => Promise.resolve(front.close()));

  const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-local-'));
  const file = runFile(front.port);
  const guardian = new RunGuardian(folder);
  // All processes that are started from here on have the variable.
  process.env[RUN_VARIABLE] = folder;
  guardian.addPath(folder);
  guardian.addPath(file);
  life.opened('guardian', () => Promise.resolve(guardian.close()));
  // Use the same owners as earlier runs, so that invokers remove the containers of a killed run.
  const prefix = `local-${front.port}-`;
  const owners = Array.from({ length: options.invokers }, (_, index) => ownerOf(prefix, index, uniqueName(index)));
  // The folders of invokers that were killed remain.
  const invokerFolders = containers.kind === 'docker' ? [] : owners.map((owner) => processFolder(owner));
  for (const path of invokerFolders) guardian.addPath(path);
  for (const owner of containers.kind === 'docker' ? owners : []) guardian.addOwner(owner);
  life.opened('logs', async () => {
    for (const path of [folder, ...invokerFolders]) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    rmSync(file, { force: true });
  });
  const run = { pid: process.pid, since: new Date().toISOString() };
  const started = new Map<number, string>();
  const note = (): void => writeRun(file, { ...run, processes: [...started].map(([pid, name]) => ({ pid, name })) });
  note();

  const [kafka, couch] = await withTemporaryFiles(folder, () =>
    Promise.all([
      engine(life, 'Kafka', startKafka(prefix), 'Maven downloads it the first time'),
      engine(life, 'CouchDB', startCouch(), 'npm downloads its stand-in the first time'),
      containers.kind === 'docker'
        ? waiting({ what: "the Node.js runtime's image", limitMs: ENGINES_MS, say: print }, containers.image())
        : undefined,
    ]),
  );

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
    guards: {
      add(pid, name) {
        guardian.add(pid);
        started.set(pid, name);
        note();
      },
      remove(pid) {
        guardian.remove(pid);
        started.delete(pid);
        note();
      },
    },
    say: print,
    environment: {
      ...UNLIMITED,
      SYSTEM_CATALOG: 'true',
      // As in the standalone server: without a secret, each invoker would have objects of its own.
      CONFIG_whisk_objects_secret: randomBytes(32).toString('base64url'),
      CONFIG_whisk_kafka_topics_prefix: prefix,
      CONFIG_whisk_kafka_topics_userEvent_prefix: prefix,
      WHISK_API_HOST_PROTO: 'http',
      WHISK_API_HOST_NAME: containers.gateway ?? '127.0.0.1',
      WHISK_API_HOST_PORT: String(front.port),
    },
  });
  life.opened('controllers and invokers', () => topology.stop());
  for (const { name, url } of topology.controllers) names.set(url, name);
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

/** Waits for the start of an engine. */
async function engine<T extends { close(): Promise<void> }>(
  life: Lifecycle,
  name: string,
  starting: Promise<T>,
  hint: string,
): Promise<T> {
  // Close the engine even if the wait was given up.
  void starting.then(
    (started) => life.opened(name, () => started.close()),
    () => undefined,
  );
  return waiting({ what: `${name} to start`, limitMs: ENGINES_MS, say: print, detail: () => hint }, starting);
}

/**
 * Sets the temporary folder of processes that `work` starts. Invokers use the default folder, since they need short
 * paths.
 */
async function withTemporaryFiles<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = folder;
  try {
    return await work();
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
}

/** The environment variables for the admin command, in a shell's syntax. */
function adminEnvironment(couch: CouchOptions): string {
  const standards = new Map(Object.values(COUCHDB_SETTINGS).map(({ name, standard }) => [name, standard ?? '']));
  return Object.entries(couchSettings(couch))
    .filter(([name, value]) => value !== standards.get(name))
    .map(([name, value]) => `${name}='${value}'`)
    .join(' ');
}
