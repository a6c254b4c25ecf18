import type { Command } from 'commander';
import { RefusedError } from '../client/Api.js';
import { activationIdIn } from '../client/entities.js';
import type { Io } from '../client/Io.js';
import { pairsObject } from '../client/keyValues.js';
import { entityName, entityPath, fullName, localName } from '../client/names.js';
import { printJson, sorted } from '../client/output.js';
import type { ConnectionOptions } from '../client/properties.js';
import { parametersOf, withConnection, withParameters, withSession, type ParameterOptions } from '../client/session.js';
import { CommandError } from '../client/CommandError.js';

interface InvokeOptions extends ConnectionOptions, ParameterOptions {
  readonly blocking?: boolean | undefined;
  readonly result?: boolean | undefined;
}

/** The exit code if the result did not arrive within the server's limit, as with `wsk`. */
const STILL_RUNNING = 202;
/** The exit code if the action failed, as with `wsk`: the lower 8 bits of 502. */
const ACTION_FAILED = 502 & 0xff;

/** The action failed, and what it answered is printed. */
class ActionFailedError extends CommandError {
  constructor() {
    super('', ACTION_FAILED);
  }
}

/** Adds `invoke NAME`, to the program and to `action`. */
export function addInvoke(parent: Command, io: Io): void {
  const command = parent.command('invoke <name>').description('invoke an action');
  withConnection(withParameters(command).option('-b, --blocking', 'wait for the activation, and print its record'))
    .optionsGroup('Action:')
    .option('-r, --result', 'wait for the activation, and print only its result')
    .action((name: string, options: InvokeOptions) =>
      withSession(io, options, async ({ api }) => {
        const entity = entityName(name);
        const blocking = (options.blocking ?? false) || (options.result ?? false);
        const path = `${entityPath(entity, 'actions')}?blocking=${blocking}&result=${options.result ?? false}`;
        const body = pairsObject(parametersOf(options) ?? []);
        const answer = await api.call('POST', path, { body, accepted: [502] }).catch((error: unknown) => {
          if (!(error instanceof RefusedError)) throw error;
          throw new RefusedError(error.status, `Unable to invoke action '${localName(entity)}': ${error.message}`);
        });
        const id = activationIdIn(answer.body) ?? '';
        const shown = io.paint('bold', fullName(entity));
        const head = `${io.paint('green', 'ok:')} invoked ${shown}`;
        if (blocking && answer.status === STILL_RUNNING) {
          io.err(`${head}, but the request has not yet finished, with id ${io.paint('bold', id)}\n`);
          throw new CommandError('', STILL_RUNNING);
        }
        // `wsk` prints the answer of a failed action to the standard error.
        const failed = answer.status === 502;
        const to = failed ? { ...io, out: (text: string) => io.err(text) } : io;
        if (!options.result) to.out(`${head} with id ${io.paint('bold', id)}\n`);
        if (blocking) printJson(to, sorted(answer.body));
        if (failed) throw new ActionFailedError();
      }),
    );
}
