import { within } from '../../process/within.js';
import { chain } from '../kafka/causes.js';

/*
 * The coordinator of a group, as one consumer of kafkajs 2.2.4 sees it. kafkajs
 *   - keeps the broker that coordinated the group at its join, also after the group has moved to another broker,
 *   - sends heartbeats only between two fetches: a broker that is slow to answer a fetch ends the session,
 *   - joins as a new member after each loss: its coordinator then waits for the former member until its session ends,
 *   - repeats a failed commit for minutes, also after a later commit: the group would go back,
 *   - goes on fetching after a join of its own has failed,
 *   - may send a join although it was told to stop.
 * This stands between the two. It finds the coordinator again when an answer says so or is missing, sends heartbeats by a
 * clock, joins as a static member (KIP-345), sends each commit once, has kafkajs repeat a failed join, and sends nothing once
 * the consumer has given up.
 *
 *   apart -> member   the answer to SyncGroup: heartbeats begin
 *   member -> apart   the coordinator does not know the member or its generation: kafkajs learns this from its next heartbeat
 *                     and joins again. Also when kafkajs joins by itself, until a join succeeds
 *   any -> given up   `giveUp`, `leave`: each further request fails
 * After `endJoins` nothing becomes a member any more.
 */
type State = 'apart' | 'member' | 'given up';

export interface CoordinatorOptions {
  /** The cluster of one consumer of kafkajs. */
  readonly cluster: object;
  readonly group: string;
  /** The name of the static member. The next membership with this name takes the place of the former one. */
  readonly instance: string;
  /** The interval of heartbeats. */
  readonly heartbeatMs: number;
  /** The time without an answer to a heartbeat after which another broker may be the coordinator. */
  readonly patienceMs: number;
  /** Called at each heartbeat that the coordinator accepts. */
  readonly onAlive: () => void;
  /** Called when kafkajs has joined again, with the time in ms since the coordinator did not accept the member any more. */
  readonly onRejoined: (ms: number, cause: Error) => void;
  readonly now?: (() => number) | undefined;
}

/** Puts itself before the coordinator that `cluster` finds. Undefined for another version of kafkajs. */
export function coordinatorOf(options: CoordinatorOptions): Coordinator | undefined {
  const { cluster } = options;
  if (!hasLookup(cluster)) return undefined;
  const coordinator = new Coordinator(options, cluster.findGroupCoordinator.bind(cluster));
  cluster.findGroupCoordinator = () => coordinator.facade();
  return coordinator;
}

export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #find: Find;
  readonly #requests: GroupRequests;
  readonly #now: () => number;
  #state: State = 'apart';
  #broker: GroupRequests | undefined;
  #finding: Promise<GroupRequests> | undefined;
  #member: Member | undefined;
  /** Why the coordinator did not accept the last heartbeat, or the last join of a former member; undefined: it did. */
  #rejection: { readonly error: Error; readonly at: number } | undefined;
  #beating = false;
  #timer: NodeJS.Timeout | undefined;
  #isStatic = false;
  /** Set if the broker knows static members but refuses them: `inter.broker.protocol.version` is below 2.3. */
  #refusesStatic = false;
  #hasBeenMember = false;
  #mayJoin = true;
  /** The last request that makes a member, once it is sent. */
  #entering: Promise<unknown> = Promise.resolve();
  /** The number of commits. */
  #commits = 0;

  constructor(options: CoordinatorOptions, find: Find) {
    this.#options = options;
    this.#find = find;
    this.#now = options.now ?? Date.now;
    this.#requests = {
      isConnected: () => true,
      joinGroup: (request) => this.#join(request),
      syncGroup: (request) => this.#sync(request),
      heartbeat: () => this.#heartbeat(),
      leaveGroup: (request) => this.#leave(request),
      offsetCommit: (request) => this.#commit(request),
      offsetFetch: (request) => this.#ask((broker) => broker.offsetFetch(request)),
    };
  }

  /** Whether the broker accepts static members (since Kafka 2.3). */
  get isStatic(): boolean {
    return this.#isStatic;
  }

  /** Whether the group may still have a member of this. */
  get isMember(): boolean {
    return this.#member !== undefined;
  }

  /** What kafkajs takes for the broker that coordinates the group. */
  facade(): Promise<GroupRequests> {
    return this.#state === 'given up' ? Promise.reject(givenUp()) : Promise.resolve(this.#requests);
  }

  /** Sends nothing more. The group keeps the place of a static member for its next membership until the session ends. */
  giveUp(): void {
    this.#stopBeating();
    this.#state = 'given up';
  }

  /**
   * Sends no more requests that make a member: kafkajs itself goes on with a join after `disconnect`. Resolves once the last one
   * has its answer and its member has left.
   */
  async endJoins(): Promise<void> {
    this.#mayJoin = false;
    await Promise.allSettled([this.#entering]);
    const member = this.#member;
    if (this.#state !== 'apart' || member === undefined) return;
    const { group: groupId } = this.#options;
    await this.#leave({ groupId, memberId: member.memberId }).catch(() => undefined);
  }

  /** Leaves, if kafkajs has not, also after `giveUp`. Never rejects. */
  async leave(): Promise<void> {
    this.giveUp();
    const member = this.#member;
    if (member === undefined) return;
    this.#member = undefined;
    try {
      const broker = await this.#coordinator();
      await broker.leaveGroup({ groupId: this.#options.group, memberId: member.memberId });
    } catch {
      // The place is free after the session.
    }
  }

  async #join(request: object): Promise<Joined> {
    this.#stopBeating();
    this.#member = undefined;
    const send = (): Promise<Joined> =>
      this.#enter(async (broker) => {
        const joined = await this.#asStatic(broker).joinGroup(request);
        this.#member = { groupGenerationId: joined.generationId, memberId: joined.memberId };
        return joined;
      });
    return send().catch((error: unknown) => {
      if (this.#refusesStatic || !isUnsupported(error)) throw error;
      this.#refusesStatic = true;
      return send();
    });
  }

  /**
   * Sends a request that makes a member. If that fails after an earlier join, kafkajs repeats the join. Otherwise it would fetch
   * on without a membership, and it sends no heartbeats either once it has forgotten its member id. If kafkajs gives up, the
   * answer to the next heartbeat tells it to join again.
   */
  async #enter<R>(request: (broker: GroupRequests) => Promise<R>): Promise<R> {
    try {
      const send = (broker: GroupRequests): Promise<R> => {
        const sent = request(broker);
        this.#entering = sent;
        return sent;
      };
      const answer = await this.#ask(send, () => this.#mayJoin);
      if (!this.#mayJoin) throw givenUp();
      return answer;
    } catch (error) {
      if (!this.#hasBeenMember) throw error;
      const again = joinAgain(error);
      this.#rejection ??= { error: again, at: this.#now() };
      // kafkajs acts on the words of the coordinator itself.
      throw isFinal(error) || (error instanceof Error && isWordOfCoordinator(error)) ? error : again;
    }
  }

  /** The broker, with the name of the static member in each request to join. kafkajs itself leaves it out. */
  #asStatic(broker: GroupRequests): GroupRequests {
    if (this.#refusesStatic) this.#isStatic = false;
    if (this.#refusesStatic || !isGroupBroker(broker)) return broker;
    const lookupRequest: Lookup = (key, definition) => {
      const make = broker.lookupRequest(key, definition);
      return (fields) => {
        const made = make({ ...fields, groupInstanceId: this.#options.instance });
        this.#isStatic = made.request.apiVersion >= STATIC_JOIN_VERSION;
        return made;
      };
    };
    const derived: unknown = Object.create(broker, { lookupRequest: { value: lookupRequest } });
    return isGroupBroker(derived) ? derived : broker;
  }

  async #sync(request: object): Promise<unknown> {
    const member = this.#member;
    const answer = await this.#enter((broker) => broker.syncGroup(request));
    if (member !== undefined && this.#member === member && this.#state === 'apart') this.#beginBeating();
    return answer;
  }

  #beginBeating(): void {
    const { onAlive, onRejoined } = this.#options;
    this.#state = 'member';
    this.#hasBeenMember = true;
    onAlive();
    if (this.#rejection) onRejoined(this.#now() - this.#rejection.at, this.#rejection.error);
    this.#rejection = undefined;
    this.#timer = setInterval(() => void this.#beat(), this.#options.heartbeatMs);
    this.#timer.unref();
  }

  #stopBeating(): void {
    clearInterval(this.#timer);
    if (this.#state === 'member') this.#state = 'apart';
  }

  /** Sends a heartbeat, unless the answer to the last one is missing. Never rejects. */
  async #beat(): Promise<void> {
    const member = this.#member;
    if (this.#beating || this.#state !== 'member' || member === undefined) return;
    this.#beating = true;
    const { group, patienceMs, onAlive } = this.#options;
    try {
      const asked = this.#ask((broker) => broker.heartbeat({ groupId: group, ...member }));
      // A late answer counts, too: a busy coordinator knows the member.
      const answered = asked.then(() => {
        if (this.#member === member) onAlive();
        return true;
      });
      // Without an answer the next request looks for the coordinator again, also if a lookup hangs.
      if ((await within(answered, patienceMs, () => false)) || this.#member !== member) return;
      this.#broker = this.#finding = undefined;
    } catch (error) {
      if (this.#member !== member || !(error instanceof Error) || !isWordOfCoordinator(error)) return;
      this.#rejection ??= { error, at: this.#now() };
      // During a rebalance heartbeats still keep the session.
      if (!isRebalance(error)) this.#stopBeating();
    } finally {
      this.#beating = false;
    }
  }

  /** kafkajs asks for a heartbeat between fetches. Its answer is that to the last one by the clock. */
  #heartbeat(): Promise<void> {
    if (this.#state === 'given up') return Promise.reject(givenUp());
    return this.#rejection === undefined ? Promise.resolve() : Promise.reject(this.#rejection.error);
  }

  async #leave(request: object): Promise<unknown> {
    this.#stopBeating();
    if (this.#state !== 'given up') this.#member = undefined;
    return this.#ask((broker) => broker.leaveGroup(request));
  }

  /** Makes one attempt, which kafkajs must not repeat: a later commit may have succeeded. The consumer itself repeats it. */
  async #commit(request: object): Promise<unknown> {
    const number = ++this.#commits;
    const isLast = (): boolean => number === this.#commits;
    try {
      return await this.#ask((broker) => broker.offsetCommit(request), isLast);
    } catch (error) {
      throw final('the commit failed', error);
    }
  }

  /**
   * Sends a request to the coordinator. After a failure that may be due to the broker, the next one looks for it again.
   * @param isDue whether to send it still, after the coordinator was found.
   */
  async #ask<R>(request: (broker: GroupRequests) => Promise<R>, isDue = (): boolean => true): Promise<R> {
    if (this.#state === 'given up') throw givenUp();
    const broker = await this.#coordinator();
    if (this.#isGivenUp()) throw givenUp();
    if (!isDue()) throw final('the request is not due any more');
    try {
      return await request(broker);
    } catch (error) {
      const isKnown = error instanceof Error && isWordOfCoordinator(error);
      if (!isKnown && this.#broker === broker) this.#broker = undefined;
      throw error;
    }
  }

  #isGivenUp(): boolean {
    return this.#state === 'given up';
  }

  async #coordinator(): Promise<GroupRequests> {
    const known = this.#broker;
    if (known?.isConnected() === true) return known;
    if (this.#finding) return this.#finding;
    const finding = this.#look().finally(() => {
      if (this.#finding === finding) this.#finding = undefined;
    });
    this.#finding = finding;
    return finding;
  }

  async #look(): Promise<GroupRequests> {
    const found = await this.#find({ groupId: this.#options.group });
    this.#broker = found;
    return found;
  }
}

/** The first version of JoinGroup with the name of a static member. */
const STATIC_JOIN_VERSION = 5;

/** The answers of the coordinator itself about a member. Others may come from another broker, or from none. */
const WORDS = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID']);

const isUnsupported = (error: unknown): boolean => chain(error).some(({ type }) => type === 'UNSUPPORTED_VERSION');

const isRebalance = (error: Error): boolean => chain(error).some(({ type }) => type === 'REBALANCE_IN_PROGRESS');

const isWordOfCoordinator = (error: Error): boolean => chain(error).some(({ type }) => WORDS.has(String(type)));

/** kafkajs does not repeat a request that fails so. */
const final = (message: string, cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), { retriable: false });

const isFinal = (error: unknown): boolean =>
  error instanceof Error && 'retriable' in error && error.retriable === false;

const givenUp = (): Error => final('the membership was given up');

/** kafkajs joins again after such an answer to a heartbeat. */
const joinAgain = (cause: unknown): Error =>
  Object.assign(new Error('the last join failed', { cause }), { type: 'REBALANCE_IN_PROGRESS' });

interface Member {
  readonly groupGenerationId: number;
  readonly memberId: string;
}

interface Joined {
  readonly generationId: number;
  readonly memberId: string;
}

/* The parts of kafkajs 2.2.4 that its types leave out. */

type Lookup = (key: number, definition: unknown) => (fields: object) => { request: { apiVersion: number } };

interface GroupRequests {
  isConnected(): boolean;
  joinGroup(request: object): Promise<Joined>;
  syncGroup(request: object): Promise<unknown>;
  heartbeat(request: object): Promise<unknown>;
  leaveGroup(request: object): Promise<unknown>;
  offsetCommit(request: object): Promise<unknown>;
  offsetFetch(request: object): Promise<unknown>;
}

interface GroupBroker extends GroupRequests {
  lookupRequest: Lookup;
}

const isGroupBroker = (broker: unknown): broker is GroupBroker =>
  typeof broker === 'object' && broker !== null && 'lookupRequest' in broker && 'joinGroup' in broker;

type Find = (group: { readonly groupId: string }) => Promise<GroupRequests>;

const hasLookup = (cluster: object): cluster is { findGroupCoordinator: Find } =>
  'findGroupCoordinator' in cluster && typeof cluster.findGroupCoordinator === 'function';
