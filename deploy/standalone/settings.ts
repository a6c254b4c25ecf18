import type { WellKnownKeysFrom } from '../../shared/access/wellKnownKeys.js';
import { COLOR_SETTINGS, colorConfig, type ColorConfig } from '../../shared/config/colorSettings.js';
import { CONTROLLER_SETTINGS } from '../../shared/config/controllerConfig.js';
import type { Environment } from '../../shared/config/environment.js';
import { INVOKER_SETTINGS } from '../../shared/config/invokerConfig.js';
import { LIMIT_SETTINGS, limitsOf } from '../../shared/config/limitSettings.js';
import type { Limits } from '../../shared/config/limits.js';
import { ConfigurationError, readSettings, type Setting } from '../../shared/config/Setting.js';
import type { EncryptionConfig } from '../../shared/parameters/encryption.js';

/** The standalone server's settings in the environment: those of the distributed processes that apply to it. */
export interface StandaloneSettings {
  readonly limits: Limits;
  readonly colors: ColorConfig;
  readonly encryption: EncryptionConfig;
  readonly operator: { readonly username: string; readonly password: string } | undefined;
  readonly wellKnownKeys: WellKnownKeysFrom;
  readonly userEvents: boolean;
  readonly sharedPackagesExecuteOnly: boolean;
  readonly pauseGraceMs: number;
  readonly idleContainerMs: number;
}

/** No rate limits by default, since the machine has only one user: see docs/decisions/0003. */
const unlimited = (setting: Setting<number>, standard: string): Setting<number> => ({ ...setting, standard });

const SETTINGS = {
  ...COLOR_SETTINGS,
  ...LIMIT_SETTINGS,
  invocationsPerMinute: unlimited(LIMIT_SETTINGS.invocationsPerMinute, '1000000'),
  concurrentInvocations: unlimited(LIMIT_SETTINGS.concurrentInvocations, '1000'),
  firesPerMinute: unlimited(LIMIT_SETTINGS.firesPerMinute, '1000000'),
  encryption: CONTROLLER_SETTINGS.encryption,
  aes128: CONTROLLER_SETTINGS.aes128,
  aes256: CONTROLLER_SETTINGS.aes256,
  username: CONTROLLER_SETTINGS.username,
  password: CONTROLLER_SETTINGS.password,
  wellKnownKeys: CONTROLLER_SETTINGS.wellKnownKeys,
  userEvents: CONTROLLER_SETTINGS.userEvents,
  executeOnly: CONTROLLER_SETTINGS.executeOnly,
  pauseGrace: INVOKER_SETTINGS.pauseGrace,
  idleContainer: INVOKER_SETTINGS.idleContainer,
};

/** @throws ConfigurationError for the first invalid variable. */
export function standaloneSettings(environment: Environment): StandaloneSettings {
  const values = readSettings(SETTINGS, environment);
  const { username, password } = values;
  if ((username === undefined) !== (password === undefined)) {
    throw new ConfigurationError(`${SETTINGS.username.name} and ${SETTINGS.password.name} are both needed, or neither`);
  }
  return {
    limits: limitsOf(values),
    colors: colorConfig(values),
    encryption: { current: values.encryption, aes128: values.aes128, aes256: values.aes256 },
    operator: username === undefined || password === undefined ? undefined : { username, password },
    wellKnownKeys: values.wellKnownKeys,
    userEvents: values.userEvents,
    sharedPackagesExecuteOnly: values.executeOnly,
    pauseGraceMs: values.pauseGrace,
    idleContainerMs: values.idleContainer,
  };
}
