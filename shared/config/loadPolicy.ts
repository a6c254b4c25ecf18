import { Worker } from 'node:worker_threads';
import * as z from 'zod';
import type { ColorConfig } from './colorSettings.js';
import { importPolicy } from './policyCheck.js';
import { policyFaults } from './policyFaults.js';
import { ConfigurationError } from './Setting.js';
import { isPolicyFile, type PolicyMaker } from '../colors/ColorPolicy.js';
import { guarded } from '../colors/guardedPolicy.js';
import { messageOf } from '../errors/reasons.js';
import type { Logger } from '../logging/Logger.js';
import { within } from '../process/within.js';

interface CheckLimits {
  /** The longest time to load and check a policy, in ms. */
  readonly ms: number;
  /** The largest heap of the check, in MB. */
  readonly memoryMB: number;
}

/** The shipped policies take some 0.1 s of a processor, and 10 MB. */
const CHECK: CheckLimits = { ms: 60_000, memoryMB: 1024 };

const verdictSchema = z.union([z.object({ name: z.string() }), z.object({ refused: z.string() })]);
/** The result of the check: the policy's name, or the reason of the refusal. */
export type PolicyVerdict = z.infer<typeof verdictSchema>;

/**
 * Loads a policy from a JavaScript module whose default export is its maker, and checks the contract. The check runs in
 * a thread of its own first, since a policy that loops would otherwise hold up this thread for ever.
 * @param file relative to the working directory, or absolute.
 * @returns the policy's own name, and its maker.
 * @throws ConfigurationError if it cannot be loaded, breaks a rule, or does not end in time.
 */
export async function loadPolicy(
  file: string,
  limits = CHECK,
): Promise<{ readonly name: string; readonly make: PolicyMaker }> {
  const verdict = await check(file, limits);
  if ('refused' in verdict) throw new ConfigurationError(verdict.refused);
  const make = await within(importPolicy(file), limits.ms, () => {
    throw new ConfigurationError(`The color policy ${file} waits for a promise that never settles in the main thread.`);
  });
  return { name: verdict.name, make };
}

/**
 * The settings of colors with the policy from its file, if they name a file. Faults of the policy are logged.
 * @throws ConfigurationError if it cannot be loaded or breaks a rule.
 */
export async function withPolicyFile(colors: ColorConfig, log: Pick<Logger, 'error'>): Promise<ColorConfig> {
  if (!isPolicyFile(colors.policy)) return colors;
  const { name, make } = await loadPolicy(colors.policy);
  const custom = { ...colors.custom, [name]: guarded(make, policyFaults(colors.policy, log)) };
  return { ...colors, policy: name, custom };
}

async function check(file: string, { ms, memoryMB }: CheckLimits): Promise<PolicyVerdict> {
  const worker = new Worker(workerFile(), {
    workerData: file,
    resourceLimits: { maxOldGenerationSizeMb: memoryMB },
  });
  const refused = (reason: string): PolicyVerdict => ({ refused: `The color policy ${file} ${reason}` });
  const verdict = new Promise<PolicyVerdict>((resolve) => {
    worker.once('message', (message: unknown) => {
      const verdict = verdictSchema.safeParse(message);
      resolve(verdict.success ? verdict.data : refused('posts messages to its parent during its check.'));
    });
    worker.once('error', (error: unknown) => resolve(refused(`failed during its check: ${messageOf(error)}`)));
    worker.once('exit', () =>
      resolve(
        refused(
          'ended its thread before it was checked: it calls process.exit, or waits for a promise that never settles.',
        ),
      ),
    );
  });
  try {
    return await within(verdict, ms, () =>
      refused(`was not loaded and checked within ${ms / 1000} seconds: it loops, or is too slow.`),
    );
  } finally {
    await worker.terminate();
  }
}

/** The worker's file: compiled, or the source with this process's loader (`npm run dev`). */
function workerFile(): URL {
  return new URL(`./policyCheckWorker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
}
