import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { posix, win32 } from 'node:path';
import type Docker from 'dockerode';
import * as z from 'zod';
import { schemaMistake } from '../../../shared/errors/schemaMistake.js';

/** What the search for an engine reads of a machine. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly exists: (path: string) => boolean;
  /** @throws Error if the file cannot be read */
  readonly read: (path: string) => string;
}

export const thisMachine = (): Machine => ({
  platform: process.platform,
  environment: process.env,
  home: homedir(),
  exists: existsSync,
  read: (path) => readFileSync(path, 'utf8'),
});

/** An address of an engine. */
export interface Endpoint {
  readonly options: Docker.DockerOptions;
  /** The address, for the user. */
  readonly place: string;
}

/**
 * Where an engine may listen, in the order in which to try: `DOCKER_HOST`; else the context of the Docker CLI
 * (`DOCKER_CONTEXT`, `currentContext` of its config.json); else the sockets of Docker, Docker Desktop, Colima, OrbStack,
 * Rancher Desktop and Podman that exist. At least one.
 * @throws Error that names a setting or a file that is not valid
 */
export function engineEndpoints(machine: Machine): [Endpoint, ...Endpoint[]] {
  const { environment } = machine;
  const host = environment['DOCKER_HOST'];
  if (host !== undefined && host !== '')
    return [endpointOf(host, 'DOCKER_HOST', certificates(machine), environment['SSH_AUTH_SOCK'])];
  const context = currentContext(machine);
  if (context !== undefined) return [contextEndpoint(context, machine)];
  const [first, ...others] = socketsOf(machine);
  const there = [first, ...others].filter((path) => machine.exists(path)).map(socket);
  const [one = socket(first), ...more] = there;
  return [one, ...more];
}

const socket = (path: string): Endpoint => ({ options: { socketPath: path }, place: path });

/** The known sockets. The first is Docker's own. */
function socketsOf({ platform, environment, home }: Machine): [string, ...string[]] {
  if (platform === 'win32') return ['//./pipe/docker_engine', '//./pipe/podman-machine-default'];
  const own = (path: string): string => posix.join(home, path);
  const common = ['.docker/run/docker.sock', '.colima/default/docker.sock', '.config/colima/default/docker.sock'];
  if (platform === 'darwin') {
    const others = [
      '.orbstack/run/docker.sock',
      '.rd/docker.sock',
      '.local/share/containers/podman/machine/podman.sock',
    ];
    return ['/var/run/docker.sock', ...[...common, ...others].map(own)];
  }
  const runtime = environment['XDG_RUNTIME_DIR'];
  const inRuntime = (path: string): string[] => (runtime === undefined ? [] : [posix.join(runtime, path)]);
  return [
    '/var/run/docker.sock',
    ...inRuntime('docker.sock'),
    ...[...common, '.docker/desktop/docker.sock', '.rd/docker.sock'].map(own),
    // Docker Desktop shares these with distributions of WSL.
    '/mnt/wsl/shared-docker/docker.sock',
    '/mnt/wsl/docker-desktop/shared-sockets/guest-services/docker.proxy.sock',
    '/run/podman/podman.sock',
    ...inRuntime('podman/podman.sock'),
  ];
}

interface Tls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** @param origin where the address comes from, for errors. @param agent the socket of the SSH agent */
function endpointOf(address: string, origin: string, tls: Tls | undefined, agent: string | undefined): Endpoint {
  const invalid = (): Error =>
    new Error(
      `${origin} is '${address}', which is not an address such as unix:///var/run/docker.sock or tcp://HOST:2375`,
    );
  const local = /^(?:unix|npipe):\/\/(.+)$/.exec(address)?.[1];
  if (local !== undefined) return socket(local);
  let url: URL;
  try {
    url = new URL(address.includes('//') ? address : `tcp://${address}`);
  } catch {
    throw invalid();
  }
  const { hostname: host, port, username } = url;
  if (host === '') throw invalid();
  if (url.protocol === 'ssh:') {
    const sshOptions = agent === undefined ? {} : { agent };
    return { options: { protocol: 'ssh', host, port: port || '22', username, sshOptions }, place: address };
  }
  if (!['tcp:', 'http:', 'https:'].includes(url.protocol)) throw invalid();
  const secure = tls !== undefined || url.protocol === 'https:';
  const ports = port || (secure ? '2376' : '2375');
  return { options: { protocol: secure ? 'https' : 'http', host, port: ports, ...tls }, place: `${host}:${ports}` };
}

/** The certificates that `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` ask for, as the Docker CLI reads them. */
function certificates(machine: Machine): Tls | undefined {
  const { environment } = machine;
  const folder = environment['DOCKER_CERT_PATH'];
  if (!environment['DOCKER_TLS_VERIFY'] && !folder) return undefined;
  return readTls(folder || configFolder(machine), machine);
}

function readTls(folder: string, machine: Machine): Tls {
  const file = (name: string): string => join(machine, folder, name);
  const there = (['ca', 'cert', 'key'] as const).filter((name) => machine.exists(file(`${name}.pem`)));
  return Object.fromEntries(there.map((name) => [name, machine.read(file(`${name}.pem`))]));
}

const join = ({ platform }: Machine, ...parts: string[]): string =>
  (platform === 'win32' ? win32 : posix).join(...parts);

const configFolder = (machine: Machine): string =>
  machine.environment['DOCKER_CONFIG'] || join(machine, machine.home, '.docker');

const configSchema = z.object({ currentContext: z.string().optional() });
const contextSchema = z.object({ Endpoints: z.object({ docker: z.object({ Host: z.string() }) }) });

/** The name of the CLI's context; undefined for the default one. */
function currentContext(machine: Machine): string | undefined {
  const named = machine.environment['DOCKER_CONTEXT'] || contextOfConfig(machine);
  return named === undefined || named === '' || named === 'default' ? undefined : named;
}

function contextOfConfig(machine: Machine): string | undefined {
  const file = join(machine, configFolder(machine), 'config.json');
  return machine.exists(file) ? parse(file, configSchema, machine).currentContext : undefined;
}

/** The address of a context. The CLI keeps it in a folder that is named by the hash of the context's name. */
function contextEndpoint(name: string, machine: Machine): Endpoint {
  const hash = createHash('sha256').update(name).digest('hex');
  const contexts = join(machine, configFolder(machine), 'contexts');
  const file = join(machine, contexts, 'meta', hash, 'meta.json');
  if (!machine.exists(file)) throw new Error(`the Docker context '${name}' does not exist: see \`docker context ls\``);
  const { Host: host } = parse(file, contextSchema, machine).Endpoints.docker;
  const folder = join(machine, contexts, 'tls', hash, 'docker');
  const tls = machine.exists(folder) ? readTls(folder, machine) : undefined;
  return endpointOf(host, `the address of the Docker context '${name}'`, tls, machine.environment['SSH_AUTH_SOCK']);
}

function parse<T>(file: string, schema: z.ZodType<T>, machine: Machine): T {
  try {
    return schema.parse(JSON.parse(machine.read(file)));
  } catch (error) {
    throw new Error(`${file} cannot be read: ${error instanceof z.ZodError ? schemaMistake(error) : String(error)}`, {
      cause: error,
    });
  }
}
