import type { LogLevel } from '../logging/Logger.js';
import type { EncryptionConfig } from '../parameters/encryption.js';
import type { RuntimesConfig } from '../runtimes/configured.js';
import { LOCAL_IMAGE_PREFIX } from '../runtimes/manifest.js';
import { optional, standard, type SettingValues } from './Setting.js';
import { flag, oneOf, port, text } from './values.js';

/** The common settings of controllers and invokers. */
export const PROCESS_SETTINGS = {
  port: standard('PORT', port, '8080', 'The port of the server.'),
  host: standard('HOST', text, '0.0.0.0', 'The address of the server.'),
  logLevel: standard(
    'CONFIG_logback_log_level',
    oneOf('DEBUG', 'INFO', 'WARN', 'ERROR'),
    'INFO',
    'The lowest level of the log lines that the process writes: `DEBUG`, `INFO`, `WARN` or `ERROR`.',
  ),
  logFormat: standard('LOG_FORMAT', oneOf('text', 'json'), 'text', 'The format of log lines: `text` or `json`.'),
  runtimesManifest: optional(
    'RUNTIMES_MANIFEST',
    text,
    "The runtimes manifest, as JSON in OpenWhisk's `runtimes.json` format or `file:` and a path (default: the built-in manifest).",
  ),
  imagePrefix: optional(
    'CONFIG_whisk_runtimes_defaultImagePrefix',
    text,
    'The prefix for images that have no prefix in the manifest.',
  ),
  imageTag: optional(
    'CONFIG_whisk_runtimes_defaultImageTag',
    text,
    'The tag for images that have no tag in the manifest.',
  ),
  bypassPull: standard(
    'CONFIG_whisk_runtimes_bypassPullForLocalImages',
    flag,
    'false',
    'Whether to use images with the local prefix as they are, and not to pull them.',
  ),
  localImagePrefix: standard(
    'CONFIG_whisk_runtimes_localImagePrefix',
    text,
    LOCAL_IMAGE_PREFIX,
    'The prefix of local images. See `CONFIG_whisk_runtimes_bypassPullForLocalImages`.',
  ),
  encryption: standard(
    'CONFIG_whisk_parameterStorage_current',
    oneOf('off', 'noop', 'aes-128', 'aes-256'),
    'off',
    'The encryption of parameters in the store: `off`, `aes-128` or `aes-256`.',
  ),
  aes128: optional('CONFIG_whisk_parameterStorage_aes128', text, 'The key for `aes-128`: 16 bytes in base64.', {
    secret: true,
  }),
  aes256: optional('CONFIG_whisk_parameterStorage_aes256', text, 'The key for `aes-256`: 32 bytes in base64.', {
    secret: true,
  }),
};

/** The common configuration of all processes. */
export interface ProcessConfig {
  readonly host: string;
  readonly port: number;
  readonly logLevel: LogLevel;
  readonly logFormat: 'text' | 'json';
  readonly runtimes: RuntimesConfig;
  readonly encryption: EncryptionConfig;
}

const LOG_LEVELS = { DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

export function processConfig(values: SettingValues<typeof PROCESS_SETTINGS>): ProcessConfig {
  return {
    host: values.host,
    port: values.port,
    logLevel: LOG_LEVELS[values.logLevel],
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
