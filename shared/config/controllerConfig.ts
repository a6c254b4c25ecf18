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
  id: required(
    'CONTROLLER_ID',
    topicPart,
    "a name for this controller, different from every other controller's, such as 0, 1, 2 (or the first argument)",
  ),
  username: optional(
    'CONFIG_whisk_controller_username',
    text,
    'User of the operator’s endpoints (`/invokers`, `/disable`, …). Without one they answer on this machine only, and what changes something takes a token that is printed at the start.',
  ),
  password: optional('CONFIG_whisk_controller_password', text, 'Password of that user.', { secret: true }),
  wellKnownKeys: standard(
    'CONFIG_whisk_wellKnownKeys',
    oneOf('loopback', 'anywhere'),
    'loopback',
    "Where the keys of `guest` and `whisk.system` that everybody knows are accepted from: `loopback` (the controller's own machine) or `anywhere`.",
  ),
  ...httpsSettings('controller'),
  readinessFraction: standard(
    'CONFIG_whisk_controller_readinessFraction',
    fraction,
    '100%',
    'The share of invokers that has to be up for `/invokers/ready`.',
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
    'An activation is given up after its time limit times this …',
  ),
  timeoutAddon: standard('CONFIG_whisk_loadbalancer_timeoutAddon', duration, '1 m', '… and this on top.'),
  invokerOffline: standard(
    'CONFIG_whisk_loadbalancer_invokerOffline',
    duration,
    '10 s',
    'After so long without a ping an invoker counts as down.',
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
    'The header with which a request names its transaction.',
  ),
  executeOnly: standard(
    'CONFIG_whisk_sharedPackagesExecuteOnly',
    flag,
    'false',
    'Whether what is shared with a user may be run but not read.',
  ),
  requireApiKey: standard(
    'CONFIG_whisk_featureFlags_requireApiKeyAnnotation',
    flag,
    'true',
    'Whether only actions annotated `provide-api-key` get the API key.',
  ),
  requireResponsePayload: standard(
    'CONFIG_whisk_featureFlags_requireResponsePayload',
    flag,
    'true',
    'Whether changing and deleting actions and packages is answered with them.',
  ),
  catalog: standard(
    'SYSTEM_CATALOG',
    flag,
    'false',
    'Whether the packages of `whisk.system` (utils, samples, alarms) are installed where they are missing, and alarms go off. Not beside another provider of alarms.',
  ),
  maxConnections: standard('MAX_CONNECTIONS', integer(1), '10000', 'How many connections are open at once.'),
  ...PROCESS_SETTINGS,
  ...KAFKA_SETTINGS,
  ...COUCHDB_SETTINGS,
  ...LIMIT_SETTINGS,
};

/** Everything that a controller process is told. */
export interface ControllerConfig extends ProcessConfig {
  /** Names its topic `completedID`. */
  readonly id: string;
  readonly operator: { readonly username: string; readonly password: string } | undefined;
  readonly wellKnownKeys: WellKnownKeysFrom;
  /** Its server speaks HTTPS; undefined: HTTP. */
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
  /** How long another controller is silent before this one stands in for it, in ms. */
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
 * @param args the command line: the controller's id, where it is not in the environment.
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
