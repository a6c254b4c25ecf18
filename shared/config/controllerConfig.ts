import type { TlsOptions } from 'node:tls';
import type { WellKnownKeysFrom } from '../access/wellKnownKeys.js';
import type { KafkaOptions } from '../messaging/kafka/options.js';
import { COLOR_SETTINGS, colorConfig, type ColorConfig } from './colorSettings.js';
import type { KafkaClientName } from '../messaging/clients/names.js';
import type { TopicLimits, TopicName } from '../messaging/topics.js';
import { COUCHDB_SETTINGS, couchDbConfig, type CouchDbConfig } from './couchdbSettings.js';
import type { Environment } from './environment.js';
import { httpsOptions, httpsSettings, peerTlsOptions } from './httpsSettings.js';
import { KAFKA_SETTINGS, kafkaOptions } from './kafkaSettings.js';
import { LIMIT_SETTINGS, limitsOf } from './limitSettings.js';
import type { Limits } from './limits.js';
import { topicLimits } from './topicSettings.js';
import { OBJECT_SHARING_SETTINGS, objectSharing, type ObjectSharing } from './objectSharingSettings.js';
import { PROCESS_SETTINGS, processConfig, type ProcessConfig } from './processSettings.js';
import { ConfigurationError, optional, readSettings, required, standard } from './Setting.js';
import { bytes, duration, flag, fraction, integer, oneOf, positive, text, topicPart } from './values.js';

export const CONTROLLER_SETTINGS = {
  id: required('CONTROLLER_ID', topicPart, 'the unique id of this controller, such as 0, 1, 2 (or the first argument)'),
  username: optional(
    'CONFIG_whisk_controller_username',
    text,
    'The user of the operator’s endpoints (`/invokers`, `/disable`, …). Default: none. Then the endpoints accept requests from this machine only, and changes need a token, which the process prints at its start.',
  ),
  password: optional('CONFIG_whisk_controller_password', text, 'The password of this user.', { secret: true }),
  wellKnownKeys: standard(
    'CONFIG_whisk_wellKnownKeys',
    oneOf('loopback', 'anywhere'),
    'loopback',
    "The machines that may use the well-known keys of `guest` and `whisk.system`: `loopback` (the controller's own machine only) or `anywhere`.",
  ),
  ...httpsSettings('controller'),
  readinessFraction: standard(
    'CONFIG_whisk_controller_readinessFraction',
    fraction,
    '100%',
    'The share of the invokers that must be up. With fewer, `/invokers/ready` answers 500.',
  ),
  managedFraction: standard(
    'CONFIG_whisk_loadbalancer_managedFraction',
    fraction,
    '90%',
    'The share of the invokers that runs actions whose kind is in the runtimes manifest.',
  ),
  blackboxFraction: standard(
    'CONFIG_whisk_loadbalancer_blackboxFraction',
    fraction,
    '10%',
    "The share of the invokers that runs users' own images.",
  ),
  timeoutFactor: standard(
    'CONFIG_whisk_loadbalancer_timeoutFactor',
    positive,
    '2',
    'The controller waits for the end of an activation for this multiple of its time limit, plus `CONFIG_whisk_loadbalancer_timeoutAddon`. Then it records the activation as failed.',
  ),
  timeoutAddon: standard(
    'CONFIG_whisk_loadbalancer_timeoutAddon',
    duration,
    '1 m',
    'See `CONFIG_whisk_loadbalancer_timeoutFactor`.',
  ),
  invokerOffline: standard(
    'CONFIG_whisk_loadbalancer_invokerOffline',
    duration,
    '10 s',
    'An invoker counts as down after this time without a ping.',
  ),
  standInAfter: standard(
    'CONTROLLER_STAND_IN_AFTER',
    duration,
    '30 seconds',
    'If another controller gives no sign of life for this time, this controller records the running sequences, compositions and triggers of that controller as interrupted. Choose a longer time than a controller may be frozen, for example by a migration of its machine.',
  ),
  ...COLOR_SETTINGS,
  ...OBJECT_SHARING_SETTINGS,
  transactionHeader: standard(
    'CONFIG_whisk_transactions_header',
    text,
    'X-Request-ID',
    "The name of the request header that carries the transaction's id.",
  ),
  executeOnly: standard(
    'CONFIG_whisk_sharedPackagesExecuteOnly',
    flag,
    'false',
    'Whether a user may run but not read the packages that other users share.',
  ),
  requireApiKey: standard(
    'CONFIG_whisk_featureFlags_requireApiKeyAnnotation',
    flag,
    'true',
    'Whether a new action gets the API key only if it has the annotation `provide-api-key`.',
  ),
  requireResponsePayload: standard(
    'CONFIG_whisk_featureFlags_requireResponsePayload',
    flag,
    'true',
    'Whether the response to a change or a deletion contains the action or package.',
  ),
  catalog: standard(
    'SYSTEM_CATALOG',
    flag,
    'false',
    'Whether to install missing packages of `whisk.system` (utils, samples, alarms) and to run alarms. Switch it off if the installation has another alarm provider.',
  ),
  maxConnections: standard(
    'MAX_CONNECTIONS',
    integer(1),
    '10000',
    'The most open connections. Further ones are closed at once.',
  ),
  maxTarget: standard(
    'MAX_TARGET_LENGTH',
    bytes,
    '8 k',
    'The longest target (path and query) of a request. A request with a longer one gets 414.',
  ),
  ...PROCESS_SETTINGS,
  ...KAFKA_SETTINGS,
  ...COUCHDB_SETTINGS,
  ...LIMIT_SETTINGS,
};

/** The configuration of a controller process. */
export interface ControllerConfig extends ProcessConfig {
  /** The controller's id. Its topic is `completedID`. */
  readonly id: string;
  readonly operator: { readonly username: string; readonly password: string } | undefined;
  readonly wellKnownKeys: WellKnownKeysFrom;
  /** The options of HTTPS; undefined: HTTP. */
  readonly tls: TlsOptions | undefined;
  readonly readinessFraction: number;
  readonly loadBalancer: {
    readonly managedFraction: number;
    readonly blackboxFraction: number;
    readonly timeoutFactor: number;
    readonly timeoutAddonMs: number;
    readonly offlineAfterMs: number;
    readonly colors: ColorConfig;
  };
  /** How objects are shared; undefined: they are not. */
  readonly objects: ObjectSharing | undefined;
  /** The time without heartbeats after which this controller stands in for another one, in ms. */
  readonly standInAfterMs: number;
  readonly transactionHeader: string;
  readonly sharedPackagesExecuteOnly: boolean;
  readonly requireApiKeyAnnotation: boolean;
  readonly requireResponsePayload: boolean;
  readonly catalog: boolean;
  readonly maxConnections: number;
  /** The longest target of a request. */
  readonly maxTargetBytes: number;
  readonly userEvents: boolean;
  readonly limits: Limits;
  readonly kafka: KafkaOptions;
  readonly kafkaClient: KafkaClientName;
  readonly topicsPrefix: string;
  readonly userEventPrefix: string;
  readonly topicLimits: Readonly<Record<TopicName, TopicLimits>>;
  readonly couchDb: CouchDbConfig;
}

/**
 * @param args the command line: the controller's id, if it is not in the environment.
 * @throws ConfigurationError
 */
export function controllerConfig(environment: Environment, args: readonly string[] = []): ControllerConfig {
  const [id, ...rest] = args;
  if (rest.length > 0) throw new ConfigurationError(`a controller takes one argument, its id, not '${args.join(' ')}'`);
  const values = readSettings(
    CONTROLLER_SETTINGS,
    id === undefined ? environment : { ...environment, CONTROLLER_ID: id },
  );
  const { username, password } = values;
  if ((username === undefined) !== (password === undefined)) {
    const { username: user, password: secret } = CONTROLLER_SETTINGS;
    throw new ConfigurationError(`set both ${user.name} and ${secret.name}, or neither`);
  }
  return {
    ...processConfig(values),
    id: values.id,
    operator: username === undefined || password === undefined ? undefined : { username, password },
    wellKnownKeys: values.wellKnownKeys,
    tls: httpsOptions(CONTROLLER_SETTINGS, values),
    readinessFraction: values.readinessFraction,
    loadBalancer: {
      managedFraction: values.managedFraction,
      blackboxFraction: values.blackboxFraction,
      timeoutFactor: values.timeoutFactor,
      timeoutAddonMs: values.timeoutAddon,
      offlineAfterMs: values.invokerOffline,
      colors: colorConfig(values),
    },
    objects: objectSharing(values, (authorities) => peerTlsOptions(CONTROLLER_SETTINGS, values, authorities)),
    standInAfterMs: values.standInAfter,
    transactionHeader: values.transactionHeader,
    sharedPackagesExecuteOnly: values.executeOnly,
    requireApiKeyAnnotation: values.requireApiKey,
    requireResponsePayload: values.requireResponsePayload,
    catalog: values.catalog,
    maxConnections: values.maxConnections,
    maxTargetBytes: values.maxTarget,
    userEvents: values.userEvents,
    limits: limitsOf(values),
    kafka: kafkaOptions(values, `controller${values.id}`),
    kafkaClient: values.kafkaClient,
    topicsPrefix: values.topicsPrefix ?? '',
    userEventPrefix: values.userEventPrefix ?? '',
    topicLimits: topicLimits(environment),
    couchDb: couchDbConfig(values),
  };
}
