import type { Environment } from './environment.js';
import { ConfigurationError } from './Setting.js';

const ENV_PREFIX = 'CONFIG_whisk_containerFactory_containerArgs_extraEnvVars_';
const ARGS_PREFIX = 'CONFIG_whisk_containerFactory_containerArgs_extraArgs_';

/** The settings of containers whose names have a number or an argument at their end, as OpenWhisk's deployments write lists. */
export interface ContainerArgs {
  /** More environment variables of all containers: `NAME=VALUE`, or `NAME` for an empty value. */
  readonly extraEnvironment: Readonly<Record<string, string>>;
  /** More arguments of `docker run` by name, without the leading hyphens. */
  readonly extraArgs: Readonly<Record<string, readonly string[]>>;
}

export const isContainerArg = (name: string): boolean => name.startsWith(ENV_PREFIX) || name.startsWith(ARGS_PREFIX);

/** @throws ConfigurationError */
export function containerArgs(environment: Environment): ContainerArgs {
  const extraEnvironment: Record<string, string> = {};
  const extraArgs: Record<string, string[]> = {};
  const given = Object.entries(environment).filter(([name]) => isContainerArg(name));
  for (const [name, value] of given.toSorted(byNumber)) {
    if (name.startsWith(ENV_PREFIX)) {
      requireNumber(name, name.slice(ENV_PREFIX.length));
      const [, key = '', text = ''] = /^([^=]+)=?(.*)$/s.exec(value) ?? [];
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
        throw new ConfigurationError(`${name} must be NAME or NAME=VALUE, not '${value}'`);
      }
      extraEnvironment[key] = text;
    } else {
      const [, argument = '', number = ''] = /^(.+)_([^_]*)$/.exec(name.slice(ARGS_PREFIX.length)) ?? [];
      requireNumber(name, argument === '' ? '' : number);
      // A variable's name has no hyphen: OpenWhisk writes `logDriver` for `--log-driver`.
      (extraArgs[argument.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)] ??= []).push(value);
    }
  }
  return { extraEnvironment, extraArgs };
}

function requireNumber(name: string, number: string): void {
  if (!/^\d{1,4}$/.test(number)) throw new ConfigurationError(`${name} must end with _0, _1, … as a list does`);
}

const byNumber = ([a]: [string, string], [b]: [string, string]): number => a.localeCompare(b, 'en', { numeric: true });
