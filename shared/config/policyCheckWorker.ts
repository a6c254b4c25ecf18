/*
 * The thread in which `loadPolicy` checks a user's policy. It may end only in one of these ways: it posts the name of the
 * policy, or the reason of a refusal.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../errors/reasons.js';
import { checkPolicy, importPolicy } from './policyCheck.js';
import type { PolicyVerdict } from './loadPolicy.js';

async function verdict(file: string): Promise<PolicyVerdict> {
  try {
    return { name: checkPolicy(file, await importPolicy(file)) };
  } catch (error) {
    return { refused: messageOf(error) };
  }
}

parentPort?.postMessage(await verdict(String(workerData)));
