import { badRequest, malformedQuery } from '../../http/ApiError.js';
import { booleanParameter, listLimit, listSkip } from '../../http/query.js';
import type { Limits } from '../../../shared/config/limits.js';
import { boundedColor } from '../../../shared/colors/colorOf.js';
import { isEntityName } from '../../../shared/entities/names.js';
import type { ActivationFilter } from '../../../shared/store/ActivationStore.js';

/** The query of a list of activations. */
export interface ActivationQuery {
  readonly filter: ActivationFilter;
  readonly skip: number;
  readonly limit: number;
  readonly count: boolean;
  readonly docs: boolean;
}

/** @throws ApiError 400 */
export function readActivationQuery(query: URLSearchParams, limits: Limits): ActivationQuery {
  const skip = listSkip(query, 'activations');
  const limit = listLimit(query, 'activations', limits);
  const count = booleanParameter(query, 'count', false);
  const docs = booleanParameter(query, 'docs', false);
  const color = query.get('color');
  const filter = {
    name: name(query),
    since: time(query, 'since'),
    upto: time(query, 'upto'),
    ...(color === null || color === '' ? {} : { color: boundedColor(color) }),
  };
  if (count && docs) throw badRequest("The parameter 'docs' is not permitted with 'count'.");
  return { filter, skip, limit, count, docs };
}

function name(query: URLSearchParams): string | undefined {
  const value = query.get('name');
  if (value === null || value.trim() === '') return undefined;
  const parts = value.split('/').filter((part) => part !== '');
  if (parts.length > 0 && parts.length <= 2 && parts.every(isEntityName)) return parts.join('/');
  throw malformedQuery('name', `Parameter may be a 'simple' name or 'package-name/simple' name: ${value}`);
}

function time(query: URLSearchParams, parameter: string): number | undefined {
  const value = query.get(parameter);
  if (value === null) return undefined;
  if (/^[+-]?\d{1,18}$/.test(value)) return Number(value);
  throw malformedQuery(parameter, `Parameter is not a valid value for epoch seconds: ${value}`);
}
