import type Docker from 'dockerode';
import { ConfigurationError } from '../../../shared/config/Setting.js';

/** Arguments of `docker run` by name, without the leading hyphens. */
export type ExtraArgs = Readonly<Record<string, readonly string[]>>;

type Options = Docker.ContainerCreateOptions;
/** Adds the values of an argument to a container's options. @throws Error if a value is invalid. */
type Apply = (options: Options, host: Docker.HostConfig, values: readonly string[]) => void;

const lastOf = (values: readonly string[]): string => values.at(-1) ?? '';
/** Splits `NAME=VALUE` at the first equals sign. */
function pair(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
const pairs = (values: readonly string[]): Record<string, string> => Object.fromEntries(values.map(pair));
const isTrue = (values: readonly string[]): boolean => !/^(false|0|no)$/i.test(lastOf(values));

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
function bytes(text: string): number {
  const [, amount = '', unit = ''] = /^(\d+)([bkmg]?)$/i.exec(text) ?? [];
  const factor = UNITS[unit.toLowerCase()];
  if (amount === '' || factor === undefined) throw new Error(`'${text}' is not a size such as 64m`);
  return Number(amount) * factor;
}
function amountOf(text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value)) throw new Error(`'${text}' is not a number`);
  return value;
}

/** The arguments that apply to containers of actions. */
const ARGS: Readonly<Record<string, Apply>> = {
  env: (options, _, values) => (options.Env = [...texts(options.Env), ...values]),
  label: (options, _, values) => (options.Labels = { ...pairs(values), ...options.Labels }),
  user: (options, _, values) => (options.User = lastOf(values)),
  hostname: (options, _, values) => (options.Hostname = lastOf(values)),
  'add-host': (_, host, values) => (host.ExtraHosts = [...texts(host.ExtraHosts), ...values]),
  'cap-add': (_, host, values) => (host.CapAdd = [...texts(host.CapAdd), ...values]),
  'cap-drop': (_, host, values) => (host.CapDrop = [...texts(host.CapDrop), ...values]),
  cpus: (_, host, values) => (host.NanoCpus = Math.round(amountOf(lastOf(values)) * 1e9)),
  'cpu-shares': (_, host, values) => (host.CpuShares = amountOf(lastOf(values))),
  'cpuset-cpus': (_, host, values) => (host.CpusetCpus = lastOf(values)),
  dns: (_, host, values) => (host.Dns = [...texts(host.Dns), ...values]),
  'dns-option': (_, host, values) => (host.DnsOptions = [...texts(host.DnsOptions), ...values]),
  'dns-search': (_, host, values) => (host.DnsSearch = [...texts(host.DnsSearch), ...values]),
  init: (_, host, values) => (host.Init = isTrue(values)),
  'log-driver': (_, host, values) => (host.LogConfig = { Type: lastOf(values), Config: {} }),
  'log-opt': (_, host, values) => (host.LogConfig = { Type: host.LogConfig?.Type ?? '', Config: pairs(values) }),
  'memory-swap': (_, host, values) => (host.MemorySwap = bytes(lastOf(values))),
  'pids-limit': (_, host, values) => (host.PidsLimit = amountOf(lastOf(values))),
  'read-only': (_, host, values) => (host.ReadonlyRootfs = isTrue(values)),
  runtime: (_, host, values) => (host.Runtime = lastOf(values)),
  'security-opt': (_, host, values) => (host.SecurityOpt = [...texts(host.SecurityOpt), ...values]),
  'shm-size': (_, host, values) => (host.ShmSize = bytes(lastOf(values))),
  sysctl: (_, host, values) => (host.Sysctls = pairs(values)),
  tmpfs: (_, host, values) => {
    const mounts = values.map((value) => value.split(/:(.*)/s).slice(0, 2));
    host.Tmpfs = Object.fromEntries(mounts.map(([path = '', flags = '']) => [path, flags]));
  },
  ulimit: (_, host, values) =>
    (host.Ulimits = [...(Array.isArray(host.Ulimits) ? host.Ulimits : []), ...values.map(ulimit)]),
  volume: (_, host, values) => (host.Binds = [...texts(host.Binds), ...values]),
};

/** The texts of a list that dockerode's types leave open. */
const texts = (given: unknown): string[] =>
  Array.isArray(given) ? given.filter((entry) => typeof entry === 'string') : [];

/** `NAME=SOFT[:HARD]` */
function ulimit(text: string): { Name: string; Soft: number; Hard: number } {
  const [name, limits] = pair(text);
  const [soft = '', hard = soft] = limits.split(':');
  return { Name: name, Soft: amountOf(soft), Hard: amountOf(hard) };
}

/** A container's options with the extra arguments. The options stay unchanged. @throws Error that names the argument. */
export function withExtraArgs(options: Options, args: ExtraArgs): Options {
  const changed: Options = { ...options };
  const host: Docker.HostConfig = { ...options.HostConfig };
  const unknown = Object.keys(args).find((name) => !Object.hasOwn(ARGS, name));
  if (unknown !== undefined) throw new Error(`docker run's --${unknown} is not possible for actions`);
  // In the order of the table: the options of a log driver come after the driver.
  for (const [name, apply] of Object.entries(ARGS)) {
    const values = args[name];
    if (!values) continue;
    try {
      apply(changed, host, values);
    } catch (error) {
      throw new Error(`docker run's --${name}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
  return { ...changed, HostConfig: host };
}

/** Whether an argument is about the network of a container, its name or its name resolution. */
export const changesNetwork = (args: ExtraArgs): boolean =>
  Object.keys(args).some(
    (name) => name === 'add-host' || name === 'hostname' || name.startsWith('dns') || name === 'sysctl',
  );

/** Checks extra arguments at the start of a process. @throws ConfigurationError */
export function usableArgs(args: ExtraArgs): ExtraArgs {
  try {
    withExtraArgs({}, args);
  } catch (error) {
    throw new ConfigurationError(error instanceof Error ? error.message : String(error));
  }
  return args;
}
