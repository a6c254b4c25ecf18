import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ColorConfig } from './colorSettings.js';
import { ConfigurationError } from './Setting.js';
import { isPolicyFile, isPolicyName, type PolicyMaker } from '../colors/ColorPolicy.js';
import { policyContract } from '../colors/policyContract.js';
import { messageOf } from '../errors/reasons.js';

/**
 * Loads a policy from a JavaScript module whose default export is its maker, and checks the contract.
 * @param file relative to the working directory, or absolute.
 * @returns the policy's own name, and its maker.
 * @throws ConfigurationError if it cannot be loaded or breaks a rule.
 */
export async function loadPolicy(file: string): Promise<{ readonly name: string; readonly make: PolicyMaker }> {
  let loaded: unknown;
  try {
    const module: unknown = await import(pathToFileURL(resolve(file)).href);
    loaded = typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined;
  } catch (error) {
    throw new ConfigurationError(`The color policy ${file} cannot be loaded: ${messageOf(error)}`, { cause: error });
  }
  if (!isPolicyMaker(loaded)) {
    throw new ConfigurationError(`The color policy ${file} has no default export that is a function.`);
  }
  // The checks below verify the object that it makes.
  const make = loaded;
  let name: unknown;
  for (const { title, check } of policyContract((surroundings) => {
    const policy = make(surroundings);
    name = policy.name;
    return policy;
  })) {
    try {
      check();
    } catch (error) {
      throw new ConfigurationError(`The color policy ${file} breaks a rule. ${title}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
  if (typeof name !== 'string' || !/^[\w.-]{1,50}$/.test(name) || isPolicyName(name)) {
    throw new ConfigurationError(
      `The color policy ${file} needs a new name of letters, digits, dots and dashes, not '${String(name)}'.`,
    );
  }
  return { name, make };
}

/**
 * The settings of colors with the policy from its file, if they name a file.
 * @throws ConfigurationError if it cannot be loaded or breaks a rule.
 */
export async function withPolicyFile(colors: ColorConfig): Promise<ColorConfig> {
  if (!isPolicyFile(colors.policy)) return colors;
  const { name, make } = await loadPolicy(colors.policy);
  return { ...colors, policy: name, custom: { ...colors.custom, [name]: make } };
}

/** Whether it is a function. The contract's tests check the rest. */
const isPolicyMaker = (loaded: unknown): loaded is PolicyMaker => typeof loaded === 'function';
