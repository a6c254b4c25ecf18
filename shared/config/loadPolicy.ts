import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigurationError } from './Setting.js';
import { isPolicyName, type PolicyMaker } from '../colors/ColorPolicy.js';
import { policyContract } from '../colors/policyContract.js';

/** Whether a text names a file with a policy, and not a known policy. */
export const isPolicyFile = (text: string): boolean => !isPolicyName(text) && /\.[cm]?js$/.test(text);

/**
 * Loads a policy from a JavaScript module whose default export makes it, and checks that it keeps the contract.
 * @param file relative to the working directory, or absolute.
 * @returns the name that the policy gives itself, and its maker.
 * @throws ConfigurationError: it cannot be loaded, or breaks a rule.
 */
export async function loadPolicy(file: string): Promise<{ readonly name: string; readonly make: PolicyMaker }> {
  let loaded: unknown;
  try {
    const module = (await import(pathToFileURL(resolve(file)).href)) as { readonly default?: unknown };
    loaded = module.default;
  } catch (error) {
    throw new ConfigurationError(`The color policy ${file} cannot be loaded: ${messageOf(error)}`, { cause: error });
  }
  if (typeof loaded !== 'function') {
    throw new ConfigurationError(`The color policy ${file} has no default export that is a function.`);
  }
  // What it makes is checked below, by use.
  const make = loaded as PolicyMaker;
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
      `The color policy ${file} needs a name of its own, of letters, digits, dots and dashes; it has '${String(name)}'.`,
    );
  }
  return { name, make };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
