import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isPolicyName, type PolicyMaker } from '../colors/ColorPolicy.js';
import { policyContract } from '../colors/policyContract.js';
import { messageOf } from '../errors/reasons.js';
import { ConfigurationError } from './Setting.js';

/**
 * Imports the maker of a policy: the default export of a JavaScript module.
 * @param file relative to the working directory, or absolute.
 * @throws ConfigurationError
 */
export async function importPolicy(file: string): Promise<PolicyMaker> {
  const path = resolve(file);
  // The import's own error names the file of this function, too.
  if (!existsSync(path)) {
    throw new ConfigurationError(`The color policy ${file} cannot be loaded: there is no file ${path}.`);
  }
  let loaded: unknown;
  try {
    const module: unknown = await import(pathToFileURL(path).href);
    loaded = typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined;
  } catch (error) {
    throw new ConfigurationError(`The color policy ${file} cannot be loaded: ${messageOf(error)}`, { cause: error });
  }
  if (!isPolicyMaker(loaded)) {
    throw new ConfigurationError(`The color policy ${file} has no default export that is a function.`);
  }
  return loaded;
}

/**
 * Checks the contract and the name.
 * @returns the policy's own name.
 * @throws ConfigurationError if it breaks a rule.
 */
export function checkPolicy(file: string, make: PolicyMaker): string {
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
  return name;
}

/** Whether it is a function. The contract verifies the object that it makes. */
const isPolicyMaker = (loaded: unknown): loaded is PolicyMaker => typeof loaded === 'function';
