import { argumentsOf } from './parameters.js';
import type { ColorMistakes } from '../loadbalancer/ColorMistakes.js';
import { colorOf } from '../../shared/colors/colorOf.js';
import { valueOf, type Json, type KeyValue } from '../../shared/entities/keyvalue.js';
import type { GivenColor, InvocationRequest } from './Invocation.js';

/**
 * The color of an invocation: from its request, its action's annotation or its cause.
 * @param mistakes records an annotation that is not a valid template.
 */
export function requestedColor(
  { target, payload, color }: Pick<InvocationRequest, 'target' | 'payload' | 'color'>,
  activationId: string,
  mistakes: Pick<ColorMistakes, 'note'> | undefined,
): string | undefined {
  if (color?.settled === true) return color.inherited;
  const { annotations, _id } = target.action;
  const annotation = valueOf(annotations, 'color');
  if (annotation === undefined && color === undefined) return undefined;
  return colorOf({
    header: color?.fromHeader,
    annotation,
    parameters: annotation === undefined ? undefined : templateParameters(target.parameters, payload, color?.query),
    activationId,
    inherited: color?.inherited,
    onMistake: (mistake) => mistakes?.note(_id, annotation ?? null, mistake),
  });
}

/** The colors for a step of a composite or an action of a trigger: the color of its cause, and the caller's policy. */
export function passedOn(color: string | undefined, given: GivenColor | undefined): GivenColor {
  return given?.policy === undefined ? { inherited: color } : { inherited: color, policy: given.policy };
}

/**
 * The parameters that a template may use: the action's arguments, with the query of a web request, without encrypted
 * defaults. Encrypted defaults are excluded because records contain the color, and because the ciphertexts of a value
 * differ from action to action, so that no two actions would share a home. An action that is not raw gets only the
 * query's parameters, so the template needs the query itself.
 */
function templateParameters(defaults: readonly KeyValue[], payload: Json | undefined, query: string | undefined): Json {
  const open = defaults.some(({ encryption }) => encryption !== undefined)
    ? defaults.filter(({ encryption }) => encryption === undefined)
    : defaults;
  const parameters = argumentsOf(open, payload);
  if (query === undefined || Array.isArray(parameters) || Object.hasOwn(parameters, '__ow_query')) return parameters;
  return { ...parameters, __ow_query: query };
}
