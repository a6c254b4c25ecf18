import type { Bounds, Limits } from './limits.js';
import { ConfigurationError, standard, type SettingValues } from './Setting.js';
import { bytes, duration, integer, megabytes } from './values.js';

/** The limits of an installation; the same for controllers and invokers. */
export const LIMIT_SETTINGS = {
  timeMin: standard('CONFIG_whisk_timeLimit_min', duration, '100 ms', 'The least time limit that an action may have.'),
  timeMax: standard('CONFIG_whisk_timeLimit_max', duration, '5 m', 'The largest.'),
  timeStd: standard('CONFIG_whisk_timeLimit_std', duration, '1 m', 'That of an action that names none.'),
  memoryMin: standard('CONFIG_whisk_memory_min', megabytes, '128 m', 'The least memory that an action may have.'),
  memoryMax: standard('CONFIG_whisk_memory_max', megabytes, '512 m', 'The largest.'),
  memoryStd: standard('CONFIG_whisk_memory_std', megabytes, '256 m', 'That of an action that names none.'),
  logsMin: standard('CONFIG_whisk_logLimit_min', megabytes, '0 m', 'The least log limit that an action may have.'),
  logsMax: standard('CONFIG_whisk_logLimit_max', megabytes, '10 m', 'The largest.'),
  logsStd: standard('CONFIG_whisk_logLimit_std', megabytes, '10 m', 'That of an action that names none.'),
  concurrencyMin: standard(
    'CONFIG_whisk_concurrencyLimit_min',
    integer(1),
    '1',
    'The least number of activations at once in one container that an action may allow.',
  ),
  concurrencyMax: standard('CONFIG_whisk_concurrencyLimit_max', integer(1), '1', 'The largest.'),
  concurrencyStd: standard('CONFIG_whisk_concurrencyLimit_std', integer(1), '1', 'That of an action that names none.'),
  payloadMax: standard(
    'CONFIG_whisk_activation_payload_max',
    bytes,
    '1 m',
    'The largest payload of an invocation and the largest result. Topics that exist keep the size that they were made for.',
  ),
  payloadTruncation: standard(
    'CONFIG_whisk_activation_payload_truncation',
    bytes,
    '1 m',
    'How much of a larger result is kept.',
  ),
  parameterMax: standard(
    'CONFIG_whisk_parameterSizeLimit',
    bytes,
    '1 m',
    'The largest parameters or annotations of an entity.',
  ),
  codeMax: standard('CONFIG_whisk_execSizeLimit', bytes, '48 m', 'The largest code of an action.'),
  listMax: standard('CONFIG_whisk_queryLimit_maxListLimit', integer(1), '200', 'The largest `limit` of a list.'),
  listStd: standard(
    'CONFIG_whisk_queryLimit_defaultListLimit',
    integer(1),
    '30',
    'How many a list has that names no `limit`.',
  ),
  sequenceMax: standard('LIMITS_ACTIONS_SEQUENCE_MAXLENGTH', integer(1), '50', 'How many actions a sequence may have.'),
  invocationsPerMinute: standard(
    'LIMITS_ACTIONS_INVOKES_PERMINUTE',
    integer(0),
    '60',
    'Invocations a minute in a namespace that has no limit of its own.',
  ),
  concurrentInvocations: standard(
    'LIMITS_ACTIONS_INVOKES_CONCURRENT',
    integer(0),
    '30',
    'Invocations under way at once in such a namespace.',
  ),
  firesPerMinute: standard(
    'LIMITS_TRIGGERS_FIRES_PERMINUTE',
    integer(0),
    '60',
    'Fires of triggers a minute in such a namespace.',
  ),
  blockingWait: standard(
    'CONFIG_whisk_controller_activation_maxWaitForBlockingActivation',
    duration,
    '60 s',
    'How long a blocking invocation waits before it answers 202.',
  ),
};

/** @throws ConfigurationError where bounds contradict each other. */
export function limitsOf(values: SettingValues<typeof LIMIT_SETTINGS>): Limits {
  const bounds = (name: 'time' | 'memory' | 'logs' | 'concurrency'): Bounds => {
    const [min, max, std] = [values[`${name}Min`], values[`${name}Max`], values[`${name}Std`]];
    if (min > std || std > max) {
      const [minName, maxName, stdName] = [`${name}Min`, `${name}Max`, `${name}Std`].map(
        (key) => LIMIT_SETTINGS[key as keyof typeof LIMIT_SETTINGS].name,
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
