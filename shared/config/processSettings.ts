import type { LogLevel } from '../logging/Logger.js';
import type { EncryptionConfig } from '../parameters/encryption.js';
import type { RuntimesConfig } from '../runtimes/configured.js';
import { LOCAL_IMAGE_PREFIX } from '../runtimes/manifest.js';
import { optional, standard, type SettingValues } from './Setting.js';
import { flag, oneOf, port, text } from './values.js';

/** What controllers and invokers have in common. */
export const PROCESS_SETTINGS = {
  port: standard('PORT', port, '8080', 'Where the process listens.'),
  host: standard('HOST', text, '0.0.0.0', 'The address that it binds.'),
  logLevel: standard(
    'CONFIG_logback_log_level',
    oneOf('DEBUG', 'INFO', 'WARN', 'ERROR'),
    'INFO',
    'The least level of the lines that are logged.',
  ),
  logFormat: standard('LOG_FORMAT', oneOf('text', 'json'), 'text', 'Log lines as text or as JSON.'),
  runtimesManifest: optional(
    'RUNTIMES_MANIFEST',
    text,
    "The runtimes manifest, as JSON in OpenWhisk's `runtimes.json` format or `file:` and a path (default: ours).",
  ),
  imagePrefix: optional(
    'CONFIG_whisk_runtimes_defaultImagePrefix',
    text,
    'Prefix of images in a manifest that name none.',
  ),
  imageTag: optional('CONFIG_whisk_runtimes_defaultImageTag', text, 'Tag of such images.'),
  bypassPull: standard(
    'CONFIG_whisk_runtimes_bypassPullForLocalImages',
    flag,
    'false',
    'Whether images with the local prefix are never pulled.',
  ),
  localImagePrefix: standard('CONFIG_whisk_runtimes_localImagePrefix', text, LOCAL_IMAGE_PREFIX, 'The local prefix.'),
  encryption: standard(
    'CONFIG_whisk_parameterStorage_current',
    oneOf('off', 'noop', 'aes-128', 'aes-256'),
    'off',
    'How parameters are encrypted in the store.',
  ),
  aes128: optional('CONFIG_whisk_parameterStorage_aes128', text, 'Key of `aes-128`, in base64.', { secret: true }),
  aes256: optional('CONFIG_whisk_parameterStorage_aes256', text, 'Key of `aes-256`, in base64.', { secret: true }),
};

/** What every process needs to know of itself. */
export interface ProcessConfig {
  readonly host: string;
  readonly port: number;
  readonly logLevel: LogLevel;
  readonly logFormat: 'text' | 'json';
  readonly runtimes: RuntimesConfig;
  readonly encryption: EncryptionConfig;
}

export function processConfig(values: SettingValues<typeof PROCESS_SETTINGS>): ProcessConfig {
  return {
    host: values.host,
    port: values.port,
    logLevel: values.logLevel.toLowerCase() as LogLevel,
    logFormat: values.logFormat,
    runtimes: {
      manifest: values.runtimesManifest,
      defaultImagePrefix: values.imagePrefix,
      defaultImageTag: values.imageTag,
      bypassPullForLocalImages: values.bypassPull,
      localImagePrefix: values.localImagePrefix,
    },
    encryption: { current: values.encryption, aes128: values.aes128, aes256: values.aes256 },
  };
}
