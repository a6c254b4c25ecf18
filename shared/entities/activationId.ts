import { randomHex } from './randomHex.js';

/** The id of an activation: 32 lower-case hexadecimal digits. */
export type ActivationId = string;

const VALID = /^[0-9a-f]{32}$/;

export function newActivationId(): ActivationId {
  return randomHex();
}

export function isActivationId(text: string): boolean {
  return VALID.test(text);
}
