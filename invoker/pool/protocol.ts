import type { Json, JsonObject } from '../../shared/entities/keyvalue.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import { jsonCodeLength, jsonCodePieces } from '../../shared/entities/codeText.js';
import { nextTurn } from '../../shared/entities/turns.js';
import type { BodyInPieces, RequestBody } from '../containers/ContainerDriver.js';
import type { ExecutableAction } from '../activations/ExecutableAction.js';
import * as texts from '../activations/texts.js';

/** Decrypts one parameter value by the name of its cipher. */
export type Decrypt = (cipher: string, value: string) => Json;

/** An activation's parameters: those for the environment at `/init`, and those for the action at `/run`. */
export interface Arguments {
  readonly environment: JsonObject;
  readonly parameters: Json;
}

/** An encrypted parameter was changed or has another key. */
export class UnreadableParameterError extends Error {
  override readonly name = 'UnreadableParameterError';
}

/**
 * The activation with decrypted parameters.
 * @throws UnreadableParameterError
 */
export function unlock(message: ActivationMessage, decrypt: Decrypt): ActivationMessage {
  const { content, lockedArgs } = message;
  const locked = Object.keys(lockedArgs);
  if (locked.length === 0 || typeof content !== 'object' || content === null || Array.isArray(content)) return message;
  const parameters = { ...content };
  for (const name of locked) {
    const value = parameters[name];
    const cipher = lockedArgs[name];
    if (typeof value !== 'string' || cipher === undefined) continue;
    try {
      parameters[name] = decrypt(cipher, value);
    } catch (error) {
      throw new UnreadableParameterError(texts.unreadableParameter(name, cipher), { cause: error });
    }
  }
  return { ...message, content: parameters, lockedArgs: {} };
}

/** Splits the parameters of an unlocked activation. */
export function argumentsOf(message: ActivationMessage): Arguments {
  const { content, initArgs } = message;
  if (content === undefined || content === null || typeof content !== 'object') {
    return { environment: NONE, parameters: {} };
  }
  if (Array.isArray(content)) return { environment: NONE, parameters: content };
  const parameters = content;
  if (initArgs.length === 0) return { environment: NONE, parameters };
  const environment: JsonObject = {};
  const rest: JsonObject = {};
  for (const [name, value] of Object.entries(parameters)) {
    if (initArgs.includes(name)) environment[name] = value;
    else rest[name] = value;
  }
  return { environment, parameters: rest };
}

/**
 * The body of `/init`: the code, and the environment of all activations.
 * @param large the bytes of large code.
 * @param more further variables, which parameters do not override.
 */
export async function initBody(
  message: ActivationMessage,
  action: ExecutableAction,
  environment: JsonObject,
  deadline: number,
  large?: Uint8Array,
  more?: Readonly<Record<string, string>>,
): Promise<RequestBody> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) env[name] = textOf(value);
  const context = { ...(action.providesApiKey ? message.user.authkey : NONE), ...contextOf(message, deadline) };
  for (const [name, value] of Object.entries(context)) env[`__OW_${name.toUpperCase()}`] = textOf(value);
  Object.assign(env, more);
  const { name, binary, main, code } = action;
  if (large) return inPieces(JSON.stringify({ value: { name, binary, main, env } }), large, binary);
  return JSON.stringify({ value: { name, binary, main, env, ...(typeof code === 'string' ? { code } : {}) } });
}

/** Adds the code to the JSON of the rest. */
async function inPieces(rest: string, code: Uint8Array, binary: boolean): Promise<BodyInPieces> {
  const head = Buffer.from(`${rest.slice(0, -2)},"code":"`);
  const tail = Buffer.from('"}}');
  return {
    bytes: head.length + (await jsonCodeLength(code, binary)) + tail.length,
    async *pieces() {
      yield head;
      for (const piece of jsonCodePieces(code, binary)) {
        yield piece;
        await nextTurn();
      }
      yield tail;
    },
  };
}

/** The body of `/run`. `deadline` in ms since the epoch. */
export function runBody(
  message: ActivationMessage,
  action: ExecutableAction,
  parameters: Json,
  deadline: number,
): string {
  return `${RUN_HEAD}${JSON.stringify(parameters)}${runTail(message, action, deadline)}`;
}

/** The body of `/run` before and after the JSON of the parameters. */
export const RUN_HEAD = '{"value":';
export function runTail(message: ActivationMessage, action: ExecutableAction, deadline: number): string {
  // Objects of a fixed shape are several times as fast as spreads into one object for each run.
  const key = action.providesApiKey ? JSON.stringify(message.user.authkey) : '{}';
  const keyFields = key.length > 2 ? `${key.slice(1, -1)},` : '';
  const context = JSON.stringify(contextOf(message, deadline));
  return `,${keyFields}${context.slice(1)}`;
}

/** The activation's context, for every action. */
function contextOf(message: ActivationMessage, deadline: number) {
  const { path, name, version } = message.action;
  return {
    namespace: message.user.namespace.name,
    action_name: `/${path}/${name}`,
    action_version: version ?? null,
    activation_id: message.activationId,
    transaction_id: message.transid.id,
    deadline: String(deadline),
  };
}

/** The value of an environment variable: text as it is, null as empty text, all others as JSON. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? '' : JSON.stringify(value);
}

const NONE: JsonObject = {};
