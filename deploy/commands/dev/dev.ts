import { homedir } from 'node:os';
import { basename, relative, resolve } from 'node:path';
import { Lifecycle } from '../../../shared/process/Lifecycle.js';
import { within } from '../../../shared/process/within.js';
import { isFolder } from '../client/artifact.js';
import { CommandError } from '../client/CommandError.js';
import type { Api } from '../client/Api.js';
import { afterNewest, followActivations } from '../client/follow.js';
import { shellWord } from '../client/shellWord.js';
import { descriptorSink, LineQueue } from '../../standalone/activity/LineQueue.js';
import { isProbe, requestLine } from '../../standalone/activity/lines.js';
import { LiveLines } from '../../standalone/activity/LiveLines.js';
import { paintFor, type Paint } from '../../standalone/activity/paint.js';
import { Deployment, type Change } from './Deployment.js';
import { CodeCache, discover, EVERYTHING, type Project } from './discover.js';
import { keyOf, type Fault } from './entities.js';
import { developerLine, developerLines, recordOf, type Sources } from './show.js';
import { chooseTarget } from './target.js';
import { watchFolder } from './watch.js';

type DevOptions = Readonly<Record<string, string | boolean | undefined>>;

/** The interval at which a server outside of this process is asked for activations, in ms. */
const FOLLOW_MS = 500;
/** The longest wait for the terminal at the stop, in ms. */
const FLUSH_MS = 1000;

/** `palette-whisk dev FOLDER`, as this process. */
export async function runDev(folder: string, options: DevOptions): Promise<void> {
  await Lifecycle.begin('palette-whisk dev').run(async (life) => {
    const path = resolve(folder);
    if (!isFolder(path)) {
      throw new CommandError(
        `the folder '${folder}' does not exist; make it with: palette-whisk init ${shellWord(folder)}`,
      );
    }
    const queue = new LineQueue({ sink: descriptorSink(process.stdout.fd) });
    const paint = paintFor(process.stdout, process.env);
    const developer = new Developer(path, (line) => queue.add(line), paint);
    life.opened('the terminal', () => {
      developer.live.flush();
      // A stopped terminal must not delay the end.
      return within(queue.flush(), FLUSH_MS, () => {});
    });
    const api = await connect(life, developer, options);
    await developer.deployTo(api, options['force'] === true);
    if (options['once'] === true) {
      if (developer.failed) throw new CommandError('not everything could be deployed: see above');
      life.stop('everything is deployed');
      return;
    }
    const close = await watchFolder(path, {
      onChange: () => developer.changed(),
      onError: (error) => queue.add(paint('red', `cannot watch ${path}: ${String(error)}`)),
    });
    life.opened('the watch', close);
    queue.add(paint('dim', `watching ${path}; Ctrl-C ends it`));
    // Changes since the first deployment, before the watch was ready.
    developer.changed();
  });
}

/** Finds or starts the server, and shows its activations. */
async function connect(life: Lifecycle, developer: Developer, options: DevOptions): Promise<Api> {
  const text = (name: string): string | undefined => {
    const value = options[name];
    return typeof value === 'string' ? value : undefined;
  };
  const { createLogger } = await import('../../../shared/logging/winston.js');
  // Warnings of the server (kinds that cannot run, isolation) are in its answers and in the reason of its driver.
  const log = createLogger({ level: 'error', format: 'text' });
  life.logTo(log);
  const target = await chooseTarget(
    life,
    {
      apihost: text('apihost'),
      auth: text('auth'),
      insecure: options['insecure'] === true,
      port: text('port'),
      driver: ['docker', 'sandbox', 'process'].filter((name) => options[name] === true).map((name) => `--${name}`),
    },
    {
      home: homedir(),
      variables: process.env,
      log,
      activity: {
        request: (report) => developer.request(report),
        activation: (record) => developer.activation(record),
        line: (line) => developer.live.line(line),
      },
    },
  );
  const { api } = target;
  developer.say(`${api.connection.base} (${target.reason})`);
  if (!target.inProcess && options['once'] !== true) {
    const since = await afterNewest(api);
    const following = followActivations(api, {
      namespace: '_',
      since,
      intervalMs: FOLLOW_MS,
      stopping: life.stopping,
      onActivation: (activation) => developer.activation(recordOf(activation)),
    });
    following.catch((error: unknown) => {
      developer.say(`activations are no longer shown: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
  return api;
}

/** Deploys a folder at each change, one time after the other, and prints what happens. */
class Developer {
  readonly #folder: string;
  readonly #print: (line: string) => void;
  readonly #paint: Paint;
  readonly #cache = new CodeCache();
  /** Lines of activations that run in this process. */
  readonly live: LiveLines;
  #deployment: Deployment | undefined;
  #project: Project = { entities: [], faults: [], faulty: new Set() };
  #sources: ReadonlyMap<string, string> = new Map();
  #running: Promise<void> | undefined;
  #again = false;
  #shownFaults = '';
  /** The shown failures of entities, by key. Bounded by the entities of the folder. */
  readonly #failures = new Map<string, string>();
  failed = false;

  constructor(folder: string, print: (line: string) => void, paint: Paint) {
    this.#folder = folder;
    this.#print = print;
    this.#paint = paint;
    this.live = new LiveLines({
      show: (line) => print(developerLine(line, new Date(), paint, this.#sourcesOfActions)),
    });
  }

  say(line: string): void {
    this.#print(line);
  }

  /** Deploys the folder for the first time. */
  async deployTo(api: Api, force: boolean): Promise<void> {
    const owner = this.#folder;
    this.#deployment = new Deployment({ api, owner, force, now: () => performance.now() });
    this.changed();
    await this.#running;
    const actions = this.#project.entities.filter(({ collection }) => collection === 'actions');
    const [first] = actions;
    if (first) this.#print(`invoke one: palette-whisk invoke ${shellWord(first.name)} --result --param NAME VALUE`);
    else if (this.#project.faults.length === 0) {
      const init = `palette-whisk init ${shellWord(this.#folder)}`;
      this.#print(`there are no functions in ${this.#folder} yet: add hello.js, or run: ${init}`);
    }
  }

  /** Deploys the folder now, or again after the deployment that is running. */
  changed(): void {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = this.#deploy()
      .catch((error: unknown) => {
        this.failed = true;
        this.#print(this.#paint('red', `not deployed: ${error instanceof Error ? error.message : String(error)}`));
      })
      .finally(() => {
        this.#running = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.changed();
      });
  }

  async #deploy(): Promise<void> {
    const project = await discover(this.#folder, process.env, this.#cache);
    this.#project = project;
    this.#sources = new Map(
      project.entities.flatMap(({ name, source }) => (source === undefined ? [] : [[name, source]])),
    );
    const kept = project.faulty.has(EVERYTHING) ? 'all' : project.faulty;
    const changes = (await this.#deployment?.apply(project.entities, kept)) ?? [];
    this.failed = project.faults.length > 0 || changes.some(({ what }) => what === 'failed');
    this.#showFaults(project.faults);
    for (const change of changes) if (this.#isNew(change)) this.#print(this.#changeLine(change));
  }

  /** Whether a change is to be shown: a failure only once, although it is tried again at each change. */
  #isNew({ entity, what, reason = '' }: Change): boolean {
    const key = keyOf(entity);
    if (what !== 'failed') {
      this.#failures.delete(key);
      return true;
    }
    // The id of the request differs each time.
    const text = reason.replace(/ \(code \w+\)/, '');
    const isNew = this.#failures.get(key) !== text;
    this.#failures.set(key, text);
    return isNew;
  }

  /** Prints the faults of the folder if they are new. */
  #showFaults(faults: readonly Fault[]): void {
    const lines = faults.map(({ file, reason }) => `${file}: ${reason}`);
    const all = lines.join('\n');
    if (all === this.#shownFaults) return;
    this.#shownFaults = all;
    for (const line of lines) this.#print(`${this.#paint('red', 'not deployed')} ${line}`);
  }

  #changeLine({ entity, what, reason, ms }: Change): string {
    const { collection, name, source } = entity;
    const file = source === undefined ? '' : ` (${relative(this.#folder, source) || basename(this.#folder)})`;
    const noun = `${collection.slice(0, -1)} ${this.#paint('bold', name)}${file}`;
    if (what === 'failed') return `${this.#paint('red', 'not deployed')} ${noun}: ${reason ?? ''}`;
    return `${this.#paint('green', what.padEnd(8))} ${noun} ${this.#paint('dim', `${Math.round(ms)} ms`)}`;
  }

  get #sourcesOfActions(): Sources {
    return { folder: this.#folder, sourceOf: (name) => this.#sources.get(name) };
  }

  request(report: Parameters<typeof requestLine>[0]): void {
    // What this command asks of the server is not shown.
    if (!isProbe(report) && !this.#running) this.#print(requestLine(report, new Date(), this.#paint));
  }

  activation(record: Parameters<typeof developerLines>[0]): void {
    const rest = { ...record, logs: this.live.ended(record.logs) };
    for (const line of developerLines(rest, new Date(), this.#paint, this.#sourcesOfActions)) this.#print(line);
  }
}
