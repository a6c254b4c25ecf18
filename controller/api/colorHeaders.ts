import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { ActivationRecord } from '../../shared/entities/activation.js';
import { valueOf } from '../../shared/entities/keyvalue.js';
import type { GivenColor } from '../invocation/Invocation.js';

/** The request header that gives an invocation its color. */
const COLOR_HEADER = 'x-openwhisk-color';
/** The request header that chooses a policy: `least-assigned`, `; patience=0`, or `least-assigned; patience=0`. */
const POLICY_HEADER = 'x-openwhisk-color-policy';
/** Response headers: whether the container recently served the color, and whether it ran at the color's home. */
const HIT_HEADER = 'x-openwhisk-color-hit';
const HOME_HEADER = 'x-openwhisk-color-home';

/** The color headers of a request; undefined without any. */
export function givenColor(headers: IncomingHttpHeaders): GivenColor | undefined {
  const fromHeader = single(headers[COLOR_HEADER]);
  const policy = single(headers[POLICY_HEADER]);
  return fromHeader === undefined && policy === undefined ? undefined : { fromHeader, policy };
}

/** Copies the color annotations of the record to response headers, if the invocation has a color. */
export function setColorHeaders(res: ServerResponse, { annotations }: ActivationRecord): void {
  const hit = valueOf(annotations, 'colorHit');
  const home = valueOf(annotations, 'colorHome');
  if (typeof hit === 'boolean') res.setHeader(HIT_HEADER, String(hit));
  if (typeof home === 'boolean') res.setHeader(HOME_HEADER, String(home));
}

const single = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);
