import type { Stores } from '../../../shared/store/ArtifactStore.js';
import { pruneActivations } from '../../../shared/store/prune.js';
import { AdminError } from './AdminError.js';
import type { AdminCommand } from './commandLine.js';
import type { DataCommand } from './folders.js';
import { dump } from './databases.js';
import { deleteLimits, getLimits, setLimits } from './limits.js';
import { recordTrace } from './traces.js';
import * as users from './users.js';

/** Runs a command. Yields the lines to print. @throws AdminError */
export async function* run(command: StoreCommand, stores: Stores, now: number): AsyncGenerator<string> {
  if (command.verb === 'activations prune') yield* prune(command, stores, now);
  else if (command.verb === 'db get') yield* dump(stores, command.database, command);
  else if (command.verb === 'trace record') yield* recordTrace(stores, command.namespace);
  else if (command.verb === 'users list') yield* users.listSubjects(stores.subjects, command.json);
  else if ('subjects' in command) yield* setAllBlocked(command, stores);
  else yield* await linesOf(command, stores);
}

/** A command that works on an open store. */
type StoreCommand = Exclude<AdminCommand, DataCommand | { verb: 'help' | 'trace run' }>;

type Simple = Exclude<
  StoreCommand,
  { verb: 'activations prune' | 'trace record' | 'db get' | 'users list' | 'user block' | 'user unblock' }
>;

async function linesOf(command: Simple, { subjects }: Stores): Promise<string[]> {
  switch (command.verb) {
    case 'user create': {
      const key = command.auth === undefined ? users.generateKey() : users.parseKey(command.auth);
      const printed = await users.createUser(subjects, command.subject, { ...command, key });
      return command.silent ? [] : printed;
    }
    case 'user delete':
      if (command.namespace === undefined) return users.deleteUser(subjects, command.subject);
      return users.revoke(subjects, command.subject, command.namespace);
    case 'user get':
      return users.getUser(subjects, command.subject, command);
    case 'user list':
      return users.listUsers(subjects, command.namespace, command);
    case 'user whois':
      return users.whois(subjects, users.parseKey(command.auth), command.json);
    case 'user grant':
      return users.grant(subjects, command.subject, command.namespace, users.generateKey());
    case 'user revoke':
      return users.revoke(subjects, command.subject, command.namespace);
    case 'user rotate': {
      const step = command.finish ? users.finishRotation : users.rotate;
      return step(subjects, command.subject, command.namespace);
    }
    case 'limits set':
      return setLimits(subjects, command.namespace, command.limits, command.force);
    case 'limits get':
      return getLimits(subjects, command.namespace, command.json);
    case 'limits delete':
      return deleteLimits(subjects, command.namespace);
    default:
      throw new Error(`unknown command ${String(command satisfies never)}`);
  }
}

const PROGRESS_EVERY = 10_000;

async function* prune(
  { olderThanMs, namespace }: Extract<AdminCommand, { verb: 'activations prune' }>,
  { activations }: Stores,
  now: number,
): AsyncGenerator<string> {
  const before = now - olderThanMs;
  const whose = namespace === undefined ? '' : ` of ${namespace}`;
  yield `deleting activations${whose} that started before ${new Date(before).toISOString()} ...`;
  let deleted = 0;
  let said = 0;
  for await (const more of pruneActivations(activations, { before, namespace })) {
    deleted += more;
    if (deleted - said < PROGRESS_EVERY) continue;
    said = deleted;
    yield `deleted ${deleted} so far`;
  }
  yield `deleted ${deleted} activations${whose}`;
}

/** Blocks or unblocks all subjects. After a failure it continues with the next one, and fails at the end. */
async function* setAllBlocked(
  command: Extract<AdminCommand, { verb: 'user block' | 'user unblock' }>,
  { subjects }: Stores,
): AsyncGenerator<string> {
  const failed: string[] = [];
  for (const name of command.subjects) {
    try {
      yield* await users.setBlocked(subjects, name, command.verb === 'user block');
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      failed.push(error.message);
    }
  }
  if (failed.length > 0) throw new AdminError(failed.join('; '));
}
