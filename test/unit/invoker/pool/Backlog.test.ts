import assert from 'node:assert/strict';
import { Backlog } from '../../../../invoker/pool/Backlog.js';
import { newEntry, type ContainerEntry } from '../../../../invoker/pool/ContainerEntry.js';
import type { ContainerPlacement } from '../../../../invoker/pool/decide.js';
import { newJob, type Job } from '../../../../invoker/pool/Job.js';
import { executable, message } from './setup.js';

const MAX_PASSES = 8;
const WAIT: ContainerPlacement<ContainerEntry> = { kind: 'wait' };

/** A backlog whose containers are what the test says. */
class Fixture {
  /** The jobs that were set going, as `a|x#1`, in this order. */
  readonly started: string[] = [];
  /** What those got, in the same order. */
  readonly decisions: string[] = [];
  /** Where the jobs of an action run; those of an action that is not named wait. */
  readonly places: Record<string, ContainerPlacement<ContainerEntry>> = {};
  /** Actions of which a container has room, though the next new container has to wait. */
  readonly warm = new Set<string>();
  /** By namespace. */
  readonly memory: Record<string, number> = {};
  /** The jobs whose action may have no more containers. */
  readonly parked: string[] = [];
  readonly #names = new Map<string, string>();
  #arrivals = 0;
  now = 0;
  readonly backlog = new Backlog<ContainerEntry>({
    place: (job) => this.places[this.#nameOf(job)] ?? WAIT,
    placeWarm: (job) => (this.warm.has(this.#nameOf(job)) ? warm(job.key) : undefined),
    memoryOf: (namespace) => this.memory[namespace] ?? 0,
    start: (job, { kind }) => {
      this.started.push(`${this.#nameOf(job)}#${job.arrival}`);
      this.decisions.push(kind);
      this.onStart();
    },
    park: (job) => this.parked.push(`${this.#nameOf(job)}#${job.arrival}`),
    now: () => this.now,
  });

  /** Submits a job for each name: `a|x` is of the action `x` in the namespace `a`. */
  submit(...names: string[]): Job[] {
    return names.map((name) => this.submitRevision(name, '1-a'));
  }

  submitRevision(name: string, revision: string): Job {
    const [namespace = '', action = ''] = name.split('|');
    const user = { ...message().user, namespace: { name: namespace, uuid: namespace } };
    const job = newJob(message({ user }), executable({ name: action, namespace, _rev: revision }), ++this.#arrivals, {
      done: () => {},
      leave: () => {},
    });
    this.#names.set(job.flow, name);
    this.backlog.submit(job);
    return job;
  }

  /** Submits a job of the action `a|x` for each color; undefined: without one. */
  submitColors(patience: number, ...colors: (string | undefined)[]): void {
    for (const value of colors) {
      const user = { ...message().user, namespace: { name: 'a', uuid: 'a' } };
      const color = value === undefined ? undefined : { value, hit: true, patience };
      const job = newJob(message({ user, color }), executable({ name: 'x', namespace: 'a' }), ++this.#arrivals, {
        done: () => {},
        leave: () => {},
      });
      this.#names.set(job.flow, 'a|x');
      this.backlog.submit(job);
    }
  }

  /** Gives a container room that recently served colors: it takes one job. @returns the number of its arrival. */
  room(...colors: string[]): string | undefined {
    const entry = { ...newEntry(0, 'k', 256), key: 'a|x', colors: new Set(colors) };
    const before = this.started.length;
    this.places['a|x'] = { kind: 'warm', entry };
    this.onStart = () => delete this.places['a|x'];
    this.backlog.startWaiting('a|x|1-a');
    assert.ok(this.started.length <= before + 1);
    return this.started[before]?.replace('a|x#', '');
  }
  onStart: () => void = () => {};

  #nameOf({ flow }: Job): string {
    return this.#names.get(flow) ?? '';
  }
}

const times = (count: number, name: string): string[] => Array.from({ length: count }, () => name);
const entryOf = (key: string | undefined): ContainerEntry => ({ ...newEntry(0, 'k', 256), key });
const warm = (key: string) => ({ kind: 'warm', entry: entryOf(key) }) as const;
const evicting = (...keys: (string | undefined)[]) => ({ kind: 'cold', evict: keys.map(entryOf) }) as const;

describe('Backlog', () => {
  it('starts a job at once that can run while nothing waits, and keeps other jobs', () => {
    const f = new Fixture();
    f.places['a|x'] = warm('x');
    f.submit('a|x', 'b|y');
    assert.deepEqual(f.started, ['a|x#1']);
    assert.equal(f.backlog.size, 1);
  });

  it('knows the actions of which jobs wait', () => {
    const f = new Fixture();
    const [job, other] = f.submit('a|x', 'b|y');
    assert.ok(job && other);
    assert.deepEqual([f.backlog.has(job.flow), f.backlog.has(other.flow), f.backlog.has('c|z')], [true, true, false]);
    f.places['a|x'] = warm('x');
    f.backlog.startWaiting();
    assert.deepEqual([f.backlog.has(job.flow), f.backlog.has(other.flow)], [false, true]);
  });

  it('starts none before the job whose turn it is, and all in turns once there is room', () => {
    const f = new Fixture();
    f.submit('a|x', 'a|x', 'b|y');
    f.places['b|y'] = warm('y');
    f.backlog.startWaiting();
    assert.deepEqual(f.started, []);
    f.places['a|x'] = warm('x');
    f.backlog.startWaiting();
    assert.deepEqual(f.started, ['a|x#1', 'b|y#3', 'a|x#2']);
    assert.equal(f.backlog.size, 0);
  });

  it('starts a single waiting job when there is room', () => {
    const f = new Fixture();
    f.submit('a|x');
    f.places['a|x'] = warm('x');
    f.backlog.startWaiting('a|x|1-a');
    assert.deepEqual(f.started, ['a|x#1']);
  });

  it('parks the jobs of an action that has all its containers, without holding up or costing others', () => {
    const f = new Fixture();
    f.places['a|x'] = { kind: 'limited' };
    f.submit('a|x', 'a|y');
    assert.deepEqual(f.parked, ['a|x#1'], 'at once while nothing waits');
    f.submit('a|x', 'a|x', 'a|x', 'b|z', 'a|y', 'b|z');
    f.places['a|y'] = warm('y');
    f.places['b|z'] = warm('z');
    f.backlog.startWaiting();
    assert.deepEqual(f.started, ['a|y#2', 'b|z#6', 'a|y#7', 'b|z#8'], 'a parked job takes no turn of its namespace');
    assert.deepEqual(f.parked, ['a|x#1', 'a|x#3', 'a|x#4', 'a|x#5']);
    assert.equal(f.backlog.size, 0);
  });

  it('hands out the waiting activations in the order of turns, for a pool that closes', () => {
    const f = new Fixture();
    const [first, second, other] = f.submit('a|x', 'a|x', 'b|y');
    assert.deepEqual([f.backlog.shift(), f.backlog.shift(), f.backlog.shift()], [first, other, second]);
    assert.equal(f.backlog.shift(), undefined);
  });

  it('puts a job that its container could not take before those of its action that came later', () => {
    const f = new Fixture();
    const [first] = f.submit('a|x', 'a|x');
    assert.ok(first);
    assert.equal(f.backlog.shift(), first);
    f.backlog.putBack(first);
    assert.equal(f.backlog.shift(), first);
  });

  describe('while the next job waits for memory', () => {
    /** `a|x` has its turn, and waits. */
    function waiting(): Fixture {
      const f = new Fixture();
      f.submit('a|x');
      f.backlog.startWaiting();
      f.warm.add('b|y');
      return f;
    }

    it('lets a new job pass to a container that has room for it, if its namespace has no more memory', () => {
      for (const [own, first, passes] of [
        [256, 512, true],
        [512, 512, true],
        [513, 512, false],
      ] as const) {
        const f = waiting();
        Object.assign(f.memory, { b: own, a: first });
        f.submit('b|y');
        assert.deepEqual(f.started, passes ? ['b|y#2'] : [], `${own} MB against ${first} MB`);
      }
    });

    it('lets a job that waited pass as soon as a container has room for it, but no other one', () => {
      const f = waiting();
      f.warm.clear();
      const [job] = f.submit('b|y', 'c|z');
      f.warm.add('b|y').add('c|z');
      f.backlog.startWaiting();
      assert.deepEqual(f.started, [], 'no container told of room');
      f.backlog.startWaiting(job?.key);
      assert.deepEqual(f.started, ['b|y#2']);
    });

    it('lets no job pass that needs a new container', () => {
      const f = waiting();
      f.warm.clear();
      f.places['b|y'] = evicting();
      const [job] = f.submit('b|y');
      f.backlog.startWaiting(job?.key);
      assert.deepEqual(f.started, []);
    });

    it('lets no job of the same namespace pass', () => {
      const f = waiting();
      f.warm.add('a|y');
      const [job] = f.submit('a|y');
      f.backlog.startWaiting(job?.key);
      assert.deepEqual(f.started, []);
    });

    it('lets a job pass neither before those of its action that came first, nor before it is known whose turn it is', () => {
      const f = waiting();
      f.warm.clear();
      f.submit('b|y');
      f.warm.add('b|y');
      f.submit('b|y');
      assert.deepEqual(f.started, []);
      const unknown = new Fixture();
      unknown.warm.add('b|y');
      unknown.submit('a|x', 'b|y');
      assert.deepEqual(unknown.started, []);
    });

    it('is passed by at most eight, whether they are new or waited', () => {
      const f = waiting();
      f.submit(...times(MAX_PASSES + 2, 'b|y'));
      assert.equal(f.started.length, MAX_PASSES);
      const g = waiting();
      g.warm.clear();
      const [job] = g.submit(...times(MAX_PASSES + 2, 'b|y'));
      g.warm.add('b|y');
      g.backlog.startWaiting(job?.key);
      assert.equal(g.started.length, MAX_PASSES);
      g.backlog.startWaiting(job?.key);
      assert.equal(g.started.length, MAX_PASSES, 'the count goes on while it waits');
    });

    it('counts passes anew for the next job whose turn it is', () => {
      const f = waiting();
      f.submit(...times(MAX_PASSES, 'b|y'), 'c|z');
      f.places['a|x'] = warm('x');
      f.backlog.startWaiting();
      delete f.places['a|x'];
      f.submit(...times(MAX_PASSES + 1, 'b|y'));
      assert.equal(f.started.filter((name) => name.startsWith('b|y')).length, 2 * MAX_PASSES);
    });

    it('forgets the room of an action that was used up', () => {
      const f = waiting();
      f.warm.clear();
      const [job] = f.submit('b|y');
      f.backlog.startWaiting(job?.key);
      f.warm.add('b|y');
      f.backlog.startWaiting();
      assert.deepEqual(f.started, []);
      f.backlog.startWaiting(job?.key);
      assert.deepEqual(f.started, ['b|y#2']);
    });
  });

  describe('if the next job would evict a container of its namespace', () => {
    /** `a|x` runs once, then `a|y` has its turn and would evict the containers that `evict` names. */
    function turns(names: string[], evict: (x: Job) => (string | undefined)[]): Fixture {
      const f = new Fixture();
      const [x] = f.submit(...names);
      assert.ok(x);
      f.warm.add('a|x');
      f.places['a|x'] = warm(x.key);
      f.places['a|y'] = evicting(...evict(x));
      f.backlog.startWaiting();
      return f;
    }

    it('lets those that came before it have the container, at most eight', () => {
      const f = turns([...times(MAX_PASSES + 3, 'a|x'), 'a|y'], ({ key }) => [undefined, key]);
      const passed = Array.from({ length: MAX_PASSES + 1 }, (_, i) => `a|x#${i + 1}`);
      assert.deepEqual(f.started, [...passed, 'a|y#12', 'a|x#10', 'a|x#11']);
      assert.equal(f.decisions[MAX_PASSES + 1], 'cold');
    });

    it('lets those that came after it wait', () => {
      assert.deepEqual(turns(['a|x', 'a|y', 'a|x'], ({ key }) => [key]).started, ['a|x#1', 'a|y#2', 'a|x#3']);
    });

    it('evicts an unused container, and a stem cell', () => {
      for (const key of [undefined, 'a|other|1-a']) {
        assert.deepEqual(turns(['a|x', 'a|x', 'a|y'], () => [key]).started, ['a|x#1', 'a|y#3', 'a|x#2'], key);
      }
    });

    it('evicts a container of an older revision', () => {
      const f = turns(['a|x', 'a|x', 'a|y'], ({ key }) => [key.replace('1-a', '0-z')]);
      assert.deepEqual(f.started, ['a|x#1', 'a|y#3', 'a|x#2']);
    });

    it('evicts a container that has no room for them', () => {
      const f = new Fixture();
      const [x] = f.submit('a|x', 'a|x', 'a|y');
      f.places['a|x'] = warm('x');
      f.places['a|y'] = evicting(x?.key);
      f.backlog.startWaiting();
      assert.deepEqual(f.started, ['a|x#1', 'a|y#3', 'a|x#2']);
    });

    it('does not pass itself', () => {
      const f = new Fixture();
      const [y] = f.submit('a|y');
      f.warm.add('a|y');
      f.places['a|y'] = evicting(y?.key);
      f.backlog.startWaiting();
      assert.deepEqual(f.decisions, ['cold']);
    });

    it('evicts a container of another namespace', () => {
      const f = new Fixture();
      const [z] = f.submit('b|z', 'b|z', 'a|y');
      f.warm.add('b|z');
      f.places['b|z'] = warm('z');
      f.places['a|y'] = evicting(z?.key);
      f.backlog.startWaiting();
      assert.deepEqual(f.started, ['b|z#1', 'a|y#3', 'b|z#2']);
    });
  });

  describe('gives a container with room to a job', () => {
    it('of its color, before patient ones of others, as in the example', () => {
      const f = new Fixture();
      f.submitColors(100, 'blue', 'red', 'blue');
      assert.equal(f.room('red'), '2');
      f.now = 99;
      assert.equal(f.room('blue', 'green'), '1');
      f.submitColors(100, 'red');
      assert.equal(f.room('red'), '4', 'the patience of the third one begins now');
      f.submitColors(100, 'red');
      f.now = 198;
      assert.equal(f.room('red'), '5');
      f.submitColors(100, 'red');
      f.now = 199;
      assert.equal(f.room('red'), '3', 'its patience is over');
      assert.equal(f.room('blue'), '6');
    });

    it('in order of arrival, if it served none of their colors', () => {
      const f = new Fixture();
      f.submitColors(100, 'blue', 'red');
      assert.deepEqual([f.room('green'), f.room()], ['1', '2']);
    });

    it('in order of arrival, if the first one has no color or no patience', () => {
      const f = new Fixture();
      f.submitColors(100, undefined, 'red');
      assert.deepEqual([f.room('red'), f.room('red')], ['1', '2']);
      f.submitColors(0, 'blue', 'red');
      assert.deepEqual([f.room('red'), f.room('red')], ['3', '4']);
    });

    it('of its color only among the first 32 of the action', () => {
      const f = new Fixture();
      f.submitColors(100, ...times(31, 'blue'), 'red');
      assert.equal(f.room('red'), '32');
      f.submitColors(100, 'blue', 'red');
      assert.equal(f.room('red'), '1');
    });
  });
});
