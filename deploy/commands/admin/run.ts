import type { Stores } from '../../../shared/store/ArtifactStore.js';
import { AdminError } from './AdminError.js';
import type { Command } from './commandLine.js';
import { dump } from './databases.js';
import { deleteLimits, getLimits, setLimits } from './limits.js';
import * as users from './users.js';

/** Does what a command says. Yields what is to be printed, line by line. @throws AdminError */
export async function* run(command: Exclude<Command, { verb: 'help' }>, stores: Stores): AsyncGenerator<string> {
  if (command.verb === 'db get') yield* dump(stores, command.database, command);
  else if ('subjects' in command) yield* setAllBlocked(command, stores);
  else yield* await linesOf(command, stores);
}

type Simple = Exclude<Command, { verb: 'help' | 'db get' | 'user block' | 'user unblock' }>;

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
      return users.whois(subjects, users.parseKey(command.auth));
    case 'user grant':
      return users.grant(subjects, command.subject, command.namespace, users.generateKey());
    case 'user revoke':
      return users.revoke(subjects, command.subject, command.namespace);
    case 'limits set':
      return setLimits(subjects, command.namespace, command.limits);
    case 'limits get':
      return getLimits(subjects, command.namespace);
    case 'limits delete':
      return deleteLimits(subjects, command.namespace);
    default:
      throw new Error(`unknown command ${String(command satisfies never)}`);
  }
}

/** Goes on to the next where one fails, and fails at the end. */
async function* setAllBlocked(
  command: Extract<Command, { verb: 'user block' | 'user unblock' }>,
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
