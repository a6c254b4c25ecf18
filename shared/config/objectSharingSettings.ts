import { networkInterfaces } from 'node:os';
import type { SecureContextOptions } from 'node:tls';
import { ConfigurationError, optional, type SettingValues } from './Setting.js';
import { text } from './values.js';

/** The settings of controllers and invokers for objects on several invokers. */
export const OBJECT_SHARING_SETTINGS = {
  objectsSecret: optional(
    'CONFIG_whisk_objects_secret',
    text,
    'The secret with which controllers and invokers sign requests for objects: at least 16 characters, the same in all processes. Default: none. Then each invoker keeps objects for its own containers only.',
    { secret: true },
  ),
  objectsUrl: optional(
    'CONFIG_whisk_objects_url',
    text,
    'The URL at which the other processes reach this process for objects, such as `http://10.0.0.5:8080`. With https its host must be a name in the certificate. Default: the first address of this machine, with the port.',
  ),
  objectsAuthorities: optional(
    'CONFIG_whisk_objects_caPath',
    text,
    'A PEM file of certificates that requests for objects trust over https. This process also trusts its own certificate and the usual authorities.',
  ),
};

/** How a process shares objects. */
export interface ObjectSharing {
  readonly secret: string;
  /** The URL of this process for the others; undefined: to be found, see `advertisedUrl`. */
  readonly url: string | undefined;
  /** How it reaches others over https; undefined: as Node.js does by itself. */
  readonly peerTls: SecureContextOptions | undefined;
}

const MIN_SECRET_LENGTH = 16;

/**
 * @param peerTls makes the options for https: see `peerTlsOptions`.
 * @returns undefined without a secret: objects are not shared.
 * @throws ConfigurationError
 */
export function objectSharing(
  values: SettingValues<typeof OBJECT_SHARING_SETTINGS>,
  peerTls: (authorities: {
    readonly name: string;
    readonly path: string | undefined;
  }) => SecureContextOptions | undefined,
): ObjectSharing | undefined {
  const { objectsSecret: secret, objectsUrl: url } = values;
  if (secret === undefined) return undefined;
  if (secret.length < MIN_SECRET_LENGTH) {
    const { name } = OBJECT_SHARING_SETTINGS.objectsSecret;
    throw new ConfigurationError(`${name} must have at least ${MIN_SECRET_LENGTH} characters`);
  }
  if (url !== undefined && !/^https?:\/\/[^/?#]+$/.test(url)) {
    throw new ConfigurationError(
      `${OBJECT_SHARING_SETTINGS.objectsUrl.name} must be a URL without a path, not '${url}'`,
    );
  }
  const { name } = OBJECT_SHARING_SETTINGS.objectsAuthorities;
  return { secret, url, peerTls: peerTls({ name, path: values.objectsAuthorities }) };
}

/**
 * The URL of a server for the other processes.
 * @param host the address to which it is bound.
 */
export function advertisedUrl(protocol: 'http' | 'https', host: string, port: number): string {
  const address = host === '0.0.0.0' || host === '::' ? (ownAddress() ?? '127.0.0.1') : host;
  return `${protocol}://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** The first address of this machine that others may reach: IPv4 if there is one. */
function ownAddress(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  const open = addresses.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  return (open.find(({ family }) => family === 'IPv4') ?? open[0])?.address;
}
