import type { TlsOptions } from 'node:tls';
import type { WellKnownKeysFrom } from '../access/wellKnownKeys.js';
import type { KafkaOptions } from '../messaging/kafka/options.js';
import { COLOR_SETTINGS, colorConfig, type ColorConfig } from './colorSettings.js';
import type { KafkaClientName } from '../messaging/clients/openKafka.js';
import type { TopicLimits, TopicName } from '../messaging/topics.js';
import { COUCHDB_SETTINGS, couchDbConfig, type CouchDbConfig } from './couchdbSettings.js';
import type { Environment } from './environment.js';
import { httpsOptions, httpsSettings } from './httpsSettings.js';
import { KAFKA_SETTINGS, kafkaOptions } from './kafkaSettings.js';
import { LIMIT_SETTINGS, limitsOf } from './limitSettings.js';
import type { Limits } from './limits.js';
import { topicLimits } from './topicSettings.js';
import { PROCESS_SETTINGS, processConfig, type ProcessConfig } from './processSettings.js';
import { ConfigurationError, optional, readSettings, required, standard } from './Setting.js';
import { duration, flag, fraction, integer, oneOf, positive, text, topicPart } from './values.js';

export const CONTROLLER_SETTINGS = {
  id: required('CONTROLLER_ID', topicPart, 'the unique id of this controller, such as 0, 1, 2 (or the first argument)'),
  username: optional(
    'CONFIG_whisk_controller_username',
    text,
    'The user of the operator’s endpoints (`/invokers`, `/disable`, …). Without it they accept only requests from this machine, and changes need a token that the process prints at its start.',
  ),
  password: optional('CONFIG_whisk_controller_password', text, 'The password of this user.', { secret: true }),
  wellKnownKeys: standard(
    'CONFIG_whisk_wellKnownKeys',
    oneOf('loopback', 'anywhere'),
    'loopback',
    "The origins from which the well-known keys of `guest` and `whisk.system` are accepted: `loopback` (the controller's own machine) or `anywhere`.",
  ),
  ...httpsSettings('controller'),
  readinessFraction: standard(
    'CONFIG_whisk_controller_readinessFraction',
    fraction,
    '100%',
    'The share of invokers that must be up for `/invokers/ready`.',
  ),
  managedFraction: standard(
    'CONFIG_whisk_loadbalancer_managedFraction',
    fraction,
    '90%',
    'The share of the invokers for actions of the runtimes manifest.',
  ),
  blackboxFraction: standard(
    'CONFIG_whisk_loadbalancer_blackboxFraction',
    fraction,
    '10%',
    "The share of the invokers for users' own images.",
  ),
  timeoutFactor: standard(
    'CONFIG_whisk_loadbalancer_timeoutFactor',
    positive,
    '2',
    'An activation is given up after this multiple of its time limit …',
  ),
  timeoutAddon: standard('CONFIG_whisk_loadbalancer_timeoutAddon', duration, '1 m', '… plus this time.'),
  invokerOffline: standard(
    'CONFIG_whisk_loadbalancer_invokerOffline',
    duration,
    '10 s',
    'The time without a ping after which an invoker counts as down.',
  ),
  standInAfter: standard(
    'CONTROLLER_STAND_IN_AFTER',
    duration,
    '30 seconds',
    'After so long without a sign of life of another controller its sequences, compositions and triggers that had not ended are recorded as interrupted. A controller that is only frozen should be back by then.',
  ),
  ...COLOR_SETTINGS,
  transactionHeader: standard(
    'CONFIG_whisk_transactions_header',
    text,
    'X-Request-ID',
    "The request header with the transaction's id.",
  ),
  executeOnly: standard(
    'CONFIG_whisk_sharedPackagesExecuteOnly',
    flag,
    'false',
    'Whether users may run but not read what others share with them.',
  ),
  requireApiKey: standard(
    'CONFIG_whisk_featureFlags_requireApiKeyAnnotation',
    flag,
    'true',
    'Whether a new action gets the API key only with the annotation `provide-api-key`.',
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
  maxConnections: standard('MAX_CONNECTIONS', integer(1), '10000', 'The most open connections.'),
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
  /** The time without heartbeats after which this controller stands in for another one, in ms. */
  readonly standInAfterMs: number;
  readonly transactionHeader: string;
  readonly sharedPackagesExecuteOnly: boolean;
  readonly requireApiKeyAnnotation: boolean;
  readonly requireResponsePayload: boolean;
  readonly catalog: boolean;
  readonly maxConnections: number;
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
    throw new ConfigurationError(`${user.name} and ${secret.name} are both needed, or neither`);
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
    standInAfterMs: values.standInAfter,
    transactionHeader: values.transactionHeader,
    sharedPackagesExecuteOnly: values.executeOnly,
    requireApiKeyAnnotation: values.requireApiKey,
    requireResponsePayload: values.requireResponsePayload,
    catalog: values.catalog,
    maxConnections: values.maxConnections,
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
