import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WELL_KNOWN_USERS } from '../../../shared/access/wellKnownKeys.js';
import type { Logger } from '../../../shared/logging/Logger.js';
import type { Lifecycle } from '../../../shared/process/Lifecycle.js';
import type { Activity } from '../../standalone/activity/activity.js';
import { Api } from '../client/Api.js';
import { CommandError, EXIT } from '../client/CommandError.js';
import { isLoopbackHost } from '../client/loopback.js';
import { connectionOf, LOCAL_SERVER, type Connection } from '../client/properties.js';

/** The options of the command line that choose a server. */
export interface TargetOptions {
  readonly apihost?: string | undefined;
  readonly auth?: string | undefined;
  readonly insecure?: boolean | undefined;
  /**
   * Of a server on this machine or in this process. Undefined: a server on this machine has that of the properties if
   * they name this machine, else 3233; a server in this process has 3233.
   */
  readonly port: string | undefined;
  /** The options of a server in this process that choose its container driver. */
  readonly driver: readonly string[];
}

/** The server that gets the functions. */
export interface Target {
  readonly api: Api;
  /** What was chosen and why, for the user. */
  readonly reason: string;
  /** Whether the server is in this process, and tells of its requests and activations. */
  readonly inProcess: boolean;
}

/** The longest wait for an answer of a server that may not be there, in ms. */
const PING_MS = 2000;

/**
 * Chooses the server: the server of the command line, else the server on this machine, else a new one in this
 * process. Properties that name another machine are not used, so that nothing is deployed there by accident.
 * @throws CommandError if the named server does not answer or the port is none, and the errors of the start of a server.
 */
export async function chooseTarget(
  life: Lifecycle,
  options: TargetOptions,
  {
    home,
    variables,
    log,
    activity,
  }: {
    readonly home: string;
    readonly variables: Readonly<Record<string, string | undefined>>;
    readonly log: Logger;
    readonly activity: Activity;
  },
): Promise<Target> {
  const { apihost, auth, insecure, port, driver } = options;
  const known = connectionOf({ apihost, auth, insecure }, { variables, home });
  const connect = (connection: Connection): Api => {
    const api = new Api(connection);
    life.opened('connections', async () => api.close());
    return api;
  };
  if (apihost !== undefined) {
    const api = connect(known);
    if (!(await api.answers(PING_MS))) {
      throw new CommandError(
        `no server answers at ${known.base}: start it, or leave --apihost out for a server in this process`,
      );
    }
    return { api, reason: 'named with --apihost', inProcess: false };
  }
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) < 65_536)) {
    throw new CommandError(`--port takes a whole number below 65536, not '${port}'`, EXIT.usage);
  }
  const here = connect(localConnection(known, auth, port));
  if (port !== '0' && (await here.answers(PING_MS))) {
    const ignored = driver.length === 0 ? '' : `; ${driver.join(' ')} has no effect on it`;
    return { api: here, reason: `it is running on this machine${ignored}`, inProcess: false };
  }

  const { parseOptions } = await import('../../standalone/options.js');
  const { startStandalone } = await import('../../standalone/server.js');
  const data = await mkdtemp(join(tmpdir(), 'palette-whisk-dev-'));
  life.opened('the data folder', () => rm(data, { recursive: true, force: true }));
  const parsed = parseOptions(['--port', port ?? '3233', '--data', data, ...driver]);
  if (parsed === 'help' || parsed === 'version') throw new TypeError('the options of the server are not valid');
  const { url, containers } = await startStandalone(life, parsed, log, activity);
  // It is new: it does not have the users of another server.
  const connection = { ...known, base: url, auth: auth ?? WELL_KNOWN_USERS.guest };
  return {
    api: connect(connection),
    reason: `started in this process; actions run in ${containers.kind}: ${containers.reason}`,
    inProcess: true,
  };
}

/** How to reach a server on this machine. The key of a server elsewhere is not sent to it. */
function localConnection(known: Connection, auth: string | undefined, port: string | undefined): Connection {
  const isLocal = isLoopbackHost(known.base);
  const named = isLocal ? known.base : LOCAL_SERVER;
  return {
    ...known,
    base: port === undefined ? named : `http://127.0.0.1:${port}`,
    auth: isLocal ? known.auth : (auth ?? WELL_KNOWN_USERS.guest),
  };
}
