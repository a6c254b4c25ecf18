import type { Bounds, Limits } from './limits.js';
import { ConfigurationError, standard, type SettingValues } from './Setting.js';
import { bytes, duration, integer, megabytes } from './values.js';

/** The limits of an installation. They must be the same for controllers and invokers. */
export const LIMIT_SETTINGS = {
  timeMin: standard('CONFIG_whisk_timeLimit_min', duration, '100 ms', 'The smallest time limit of an action.'),
  timeMax: standard('CONFIG_whisk_timeLimit_max', duration, '5 m', 'The largest time limit of an action.'),
  timeStd: standard('CONFIG_whisk_timeLimit_std', duration, '1 m', 'The default time limit of an action.'),
  memoryMin: standard('CONFIG_whisk_memory_min', megabytes, '128 m', 'The smallest memory of an action.'),
  memoryMax: standard('CONFIG_whisk_memory_max', megabytes, '512 m', 'The largest memory of an action.'),
  memoryStd: standard('CONFIG_whisk_memory_std', megabytes, '256 m', 'The default memory of an action.'),
  logsMin: standard('CONFIG_whisk_logLimit_min', megabytes, '0 m', 'The smallest log limit of an action.'),
  logsMax: standard('CONFIG_whisk_logLimit_max', megabytes, '10 m', 'The largest log limit of an action.'),
  logsStd: standard('CONFIG_whisk_logLimit_std', megabytes, '10 m', 'The default log limit of an action.'),
  concurrencyMin: standard(
    'CONFIG_whisk_concurrencyLimit_min',
    integer(1),
    '1',
    'The smallest concurrency limit of an action. The limit is the number of activations that one container runs at a time.',
  ),
  concurrencyMax: standard(
    'CONFIG_whisk_concurrencyLimit_max',
    integer(1),
    '1',
    'The largest concurrency limit of an action.',
  ),
  concurrencyStd: standard(
    'CONFIG_whisk_concurrencyLimit_std',
    integer(1),
    '1',
    'The default concurrency limit of an action.',
  ),
  payloadMax: standard(
    'CONFIG_whisk_activation_payload_max',
    bytes,
    '1 m',
    'The largest payload of an invocation, and the largest result. Existing Kafka topics keep their size limit: change them by hand.',
  ),
  payloadTruncation: standard(
    'CONFIG_whisk_activation_payload_truncation',
    bytes,
    '1 m',
    'The most bytes of a result that is too large. The activation fails, and its error contains these first bytes of the result.',
  ),
  parameterMax: standard(
    'CONFIG_whisk_parameterSizeLimit',
    bytes,
    '1 m',
    'The largest parameters or annotations of an entity.',
  ),
  codeMax: standard('CONFIG_whisk_execSizeLimit', bytes, '48 m', 'The largest code of an action.'),
  listMax: standard(
    'CONFIG_whisk_queryLimit_maxListLimit',
    integer(1),
    '200',
    'The largest `limit` of a list request.',
  ),
  listStd: standard(
    'CONFIG_whisk_queryLimit_defaultListLimit',
    integer(1),
    '30',
    'The default `limit` of a list request.',
  ),
  sequenceMax: standard('LIMITS_ACTIONS_SEQUENCE_MAXLENGTH', integer(1), '50', 'The most actions in a sequence.'),
  invocationsPerMinute: standard(
    'LIMITS_ACTIONS_INVOKES_PERMINUTE',
    integer(0),
    '60',
    'The most invocations of a namespace in a minute, if it has no limit of its own. Later ones get 429.',
  ),
  concurrentInvocations: standard(
    'LIMITS_ACTIONS_INVOKES_CONCURRENT',
    integer(0),
    '30',
    'The most concurrent invocations of a namespace, if it has no limit of its own. Further ones get 429.',
  ),
  firesPerMinute: standard(
    'LIMITS_TRIGGERS_FIRES_PERMINUTE',
    integer(0),
    '60',
    'The most fires of the triggers of a namespace in a minute, if it has no limit of its own. Later ones get 429.',
  ),
  blockingWait: standard(
    'CONFIG_whisk_controller_activation_maxWaitForBlockingActivation',
    duration,
    '60 s',
    'The longest time for which a blocking invocation waits for its result. Then the response is 202 with the activation id.',
  ),
};

/** @throws ConfigurationError if bounds contradict each other. */
export function limitsOf(values: SettingValues<typeof LIMIT_SETTINGS>): Limits {
  const bounds = (name: 'time' | 'memory' | 'logs' | 'concurrency'): Bounds => {
    const [min, max, std] = [values[`${name}Min`], values[`${name}Max`], values[`${name}Std`]];
    if (min > std || std > max) {
      const [minName, maxName, stdName] = ([`${name}Min`, `${name}Max`, `${name}Std`] as const).map(
        (key) => LIMIT_SETTINGS[key].name,
      );
      throw new ConfigurationError(`${stdName} must lie between ${minName} and ${maxName}`);
    }
    return { min, max, std };
  };
  return {
    timeout: bounds('time'),
    memory: bounds('memory'),
    logs: bounds('logs'),
    concurrency: bounds('concurrency'),
    maxPayloadBytes: values.payloadMax,
    truncationBytes: values.payloadTruncation,
    maxParameterBytes: values.parameterMax,
    maxCodeBytes: values.codeMax,
    maxSequenceLength: values.sequenceMax,
    maxListLimit: values.listMax,
    defaultListLimit: values.listStd,
    invocationsPerMinute: values.invocationsPerMinute,
    concurrentInvocations: values.concurrentInvocations,
    firesPerMinute: values.firesPerMinute,
    maxBlockingWaitMs: values.blockingWait,
  };
}
