import type { JsonObject } from '../entities/keyvalue.js';
import type { ActivationMessage } from './activation.js';

/** The most characters of the parameters that are kept for a preparation. */
const MAX_KEPT_CHARACTERS = 16_384;

/**
 * What a later preparation of a container needs of an activation: little, since it is kept for hours. Its parameters are only those
 * that become environment variables. Undefined if they are large.
 */
export function preparation(message: ActivationMessage): ActivationMessage | undefined {
  const { transid, action, revision, user, activationId, rootControllerIndex, initArgs, instances } = message;
  const content = environmentOf(message);
  if (initArgs.length > 0 && JSON.stringify(content).length > MAX_KEPT_CHARACTERS) return undefined;
  const locked = Object.entries(message.lockedArgs).filter(([name]) => Object.hasOwn(content, name));
  return {
    transid,
    action,
    revision,
    user,
    activationId,
    rootControllerIndex,
    blocking: false,
    content,
    initArgs,
    lockedArgs: Object.fromEntries(locked),
    ...(instances === undefined ? {} : { instances }),
  };
}

function environmentOf({ content, initArgs }: ActivationMessage): JsonObject {
  if (initArgs.length === 0 || typeof content !== 'object' || content === null || Array.isArray(content)) return {};
  return Object.fromEntries(Object.entries(content).filter(([name]) => initArgs.includes(name)));
}
