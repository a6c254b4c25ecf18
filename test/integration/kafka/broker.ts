import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePorts, listens } from '../../../deploy/local/ports.js';
import { within } from '../../../shared/process/within.js';
import { freezeProcess } from '../../freezeProcess.js';
import { retried } from '../../retried.js';
import { runProgram } from '../../runProgram.js';

/** A Kafka broker of our own: one node in KRaft mode, from the jars that `pom.xml` names. */
export interface Broker {
  /** `host:port` of its first listener. */
  readonly hosts: string;
  /** The folder of its topics. */
  readonly logs: string;
  /** Ends it at once, as `kill -9` does; what it wrote stays. */
  kill(): Promise<void>;
  /** Ends it in order, and kills it where that takes over a minute; what it wrote stays. */
  stop(): Promise<void>;
  /** It keeps its connections and answers nothing, until it is thawed. Resolves once it answers nothing more. */
  freeze(): Promise<void>;
  thaw(): void;
  /** Sends it a signal, such as SIGSTOP, which freezes it. */
  signal(signal: NodeJS.Signals): void;
  /** Starts it again on the same port with what it wrote, and waits until it answers. */
  start(): Promise<void>;
  /** Ends it and removes what it wrote. */
  close(): Promise<void>;
}

export interface BrokerOptions {
  /** Of its listener and of its controller; missing: free ones. */
  ports?: readonly [number, number] | undefined;
  /** Lines of `server.properties` on top of ours, or instead of them. `{port}` stands for the first listener's port. */
  properties?: Record<string, string> | undefined;
  /** Arguments of the storage format, such as `--add-scram`. */
  formatArguments?: string[] | undefined;
  /** Of its JVM, on top of ours. */
  jvmArguments?: string[] | undefined;
}

/** A broker that did not come up: the fault of the machine or of the broker, and not of the tested program. */
export class BrokerStartError extends Error {
  override name = 'BrokerStartError';
}

/** @throws where Java or Maven is missing, or the broker does not come up. */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const classpath = await kafkaClasspath();
  const folder = mkdtempSync(join(tmpdir(), 'kafka-'));
  const [port, controllerPort] = options.ports ?? (await freePorts(2));
  const settings: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    'num.partitions': '1',
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    // A broker that was killed is let in again only when its old session is over: 9 s by default.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
    // Requests pass from thread to thread in the broker: on few cores, which it shares, more than one of a kind is in the way.
    'num.network.threads': '1',
    'num.io.threads': '1',
    // The default of 3 s is for many consumers that start at once.
    'group.initial.rebalance.delay.ms': '0',
    ...options.properties,
  };
  const jvm = [...JAVA, ...sharedClasses(classpath), ...(options.jvmArguments ?? [])];
  const file = join(folder, 'server.properties');
  writeFileSync(
    file,
    Object.entries(settings)
      .map(
        ([key, value]) =>
          `${key}=${value.replaceAll('{port}', String(port)).replaceAll('{controllerPort}', String(controllerPort))}\n`,
      )
      .join(''),
  );
  const format = [
    'kafka.tools.StorageTool',
    'format',
    '-t',
    CLUSTER_ID,
    '-c',
    file,
    ...(options.formatArguments ?? []),
  ];
  await runProgram('java', [...JAVA, ...sharedClasses(classpath), '-Xmx128m', '-cp', classpath, ...format], {
    limitMs: START_MS,
  }).catch((error: Error) => {
    throw new Error(`Kafka's storage cannot be formatted: ${error.message}`);
  });
  const broker = new LocalBroker([...jvm, '-Xmx256m', '-cp', classpath, 'kafka.Kafka', file], folder, port);
  await broker.start();
  return broker;
}

class LocalBroker implements Broker {
  readonly hosts: string;
  readonly logs: string;
  readonly #javaArguments: readonly string[];
  readonly #folder: string;
  readonly #port: number;
  #process: ChildProcess | undefined;

  constructor(javaArguments: readonly string[], folder: string, port: number) {
    this.#javaArguments = javaArguments;
    this.#folder = folder;
    this.#port = port;
    this.hosts = `127.0.0.1:${port}`;
    this.logs = join(folder, 'data');
  }

  async start(): Promise<void> {
    const output = openSync(join(this.#folder, 'output'), 'a');
    const started = spawn('java', this.#javaArguments, { stdio: ['ignore', output, output] });
    closeSync(output);
    this.#process = started;
    // A test process that dies must not leave it behind.
    process.once('exit', this.#killNow);
    const end = Date.now() + START_MS;
    while (!(await listens(this.#port))) {
      const over = started.exitCode !== null || started.signalCode !== null;
      if (over || Date.now() > end) {
        await this.kill();
        const how = over ? 'ended at its start' : `does not listen after ${START_MS / 1000} s`;
        const words = readFileSync(join(this.#folder, 'output'), 'utf8').slice(-2000);
        throw new BrokerStartError(`the Kafka broker ${how}: ${words}`);
      }
      await sleep(50);
    }
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async freeze(): Promise<void> {
    const { pid } = this.#process ?? {};
    if (pid !== undefined) await freezeProcess(pid);
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  readonly #killNow = (): void => {
    this.#process?.kill('SIGKILL');
  };

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    process.off('exit', this.#killNow);
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill(signal);
    await within(ended, STOP_MS, () => {
      running.kill('SIGKILL');
      return within(ended, KILL_MS, () => {
        throw new BrokerStartError(`the Kafka broker runs ${KILL_MS / 1000} s after SIGKILL`);
      });
    });
  }
}

/** Short lives, on few cores that are shared: the quick compiler alone takes two thirds of the processor time of a start. */
const JAVA = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** For measurements: the JVM also compiles with its slow compiler, as it does unless told otherwise. */
export const LIKE_IN_PRODUCTION: BrokerOptions = { jvmArguments: ['-XX:TieredStopAtLevel=4'] };
const START_MS = 180_000;
const STOP_MS = 60_000;
const KILL_MS = 60_000;
/** Maven loads some 45 MB. */
const MAVEN_MS = 600_000;

/** 16 bytes in base64url, as Kafka wants them. */
const CLUSTER_ID = 'paletteWhiskTestsKafka';

/**
 * Why there can be no broker of our own here: Java or Maven is missing. Undefined where there can be, and under `CI=true`,
 * where a part that is missing is an error and no reason to skip a test.
 */
function ownBrokerMissing(): string | undefined {
  if (process.env['CI'] === 'true') return undefined;
  const missing = ['java', 'mvn'].filter((program) => spawnSync(program, ['-version']).error !== undefined);
  return missing.length === 0 ? undefined : `no Kafka broker for the tests: ${missing.join(' and ')} cannot be started`;
}

/** The same for tests that are content with the Kafka of `KAFKA_HOSTS`. */
export const brokerMissing = (): string | undefined =>
  (process.env['KAFKA_HOSTS'] ?? '') === '' ? ownBrokerMissing() : undefined;

export const skipWithoutBroker = (context: Mocha.Context): void => skipWhere(brokerMissing(), context);

/** For tests that kill their broker. */
export const skipWithoutOwnBroker = (context: Mocha.Context): void => skipWhere(ownBrokerMissing(), context);

function skipWhere(missing: string | undefined, context: Mocha.Context): void {
  if (missing === undefined) return;
  console.log(`    skipped: ${missing}`);
  context.skip();
}

/**
 * The class path of Kafka, resolved by Maven once and kept in the user's cache; `KAFKA_VERSION` asks for another version than
 * that of `pom.xml`.
 */
async function kafkaClasspath(): Promise<string> {
  const pom = [
    new URL('./pom.xml', import.meta.url),
    new URL('../../../../test/integration/kafka/pom.xml', import.meta.url),
  ]
    .map((url) => fileURLToPath(url))
    .find((path) => existsSync(path));
  if (pom === undefined) throw new Error('pom.xml is missing');
  const wanted = process.env['KAFKA_VERSION'] ?? '';
  const version = createHash('sha256').update(readFileSync(pom)).update(wanted).digest('hex').slice(0, 16);
  const kept = join(cacheFolder(), `kafka-${version}.classpath`);
  if (existsSync(kept)) {
    const classpath = readFileSync(kept, 'utf8').trim();
    if (classpath.split(':').every((jar) => existsSync(jar))) return classpath;
  }
  const settings = [`-Dmdep.outputFile=${kept}`, ...(wanted === '' ? [] : [`-Dkafka.version=${wanted}`])];
  const goal = ['--batch-mode', '--quiet', '--file', pom, 'dependency:build-classpath', ...settings];
  await retried("Maven's search of the Kafka broker", () => runProgram('mvn', goal, { limitMs: MAVEN_MS })).catch(
    (error: Error) => {
      throw new Error(`Maven cannot bring the Kafka broker for the tests: ${error.message}`);
    },
  );
  return readFileSync(kept, 'utf8').trim();
}

/**
 * Lets the JVM map Kafka's classes from a file (class data sharing) at each start after this. That takes a third of the
 * processor time off a start, and half of its duration. The file is made once and kept in the user's cache.
 *
 * @throws where no broker can be started.
 */
export async function shareKafkaClasses(): Promise<void> {
  const archive = classArchive(await kafkaClasspath());
  if (existsSync(archive)) return;
  const made = `${archive}.${process.pid}`;
  const broker = await startBroker({ jvmArguments: [`-XX:ArchiveClassesAtExit=${made}`] });
  await broker.stop();
  await broker.close();
  // A JVM that cannot write it says so, and ends as always.
  if (existsSync(made)) renameSync(made, archive);
}

/** A JVM that did not write the file ignores it. */
function sharedClasses(classpath: string): string[] {
  const archive = classArchive(classpath);
  return existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`, '-Xlog:cds=off', '-Xlog:cds+dynamic=off'] : [];
}

const classArchive = (classpath: string): string =>
  join(cacheFolder(), `kafka-${createHash('sha256').update(classpath).digest('hex').slice(0, 16)}.jsa`);

function cacheFolder(): string {
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'palette-whisk');
  mkdirSync(folder, { recursive: true });
  return folder;
}
