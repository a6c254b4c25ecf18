import * as z from 'zod';
import type { Limits } from '../../shared/config/limits.js';
import { objectOperations } from './objectOperations.js';
import type { Method, Operation, ResponseDescription } from './Operation.js';
import * as schemas from './schemas.js';

const refused = (description: string): ResponseDescription => ({ description, body: schemas.errorBody });

const BAD_REQUEST = { 400: refused('The request is malformed.') };
const UNAUTHORIZED = { 401: refused('The credentials are missing or invalid.') };
const FORBIDDEN = { 403: refused('The caller is not authorized.') };
const NOT_FOUND = { 404: refused('No entity has this name.') };
const CONFLICT = { 409: refused('The entity exists, was changed by another request, or has another type.') };
const TOO_LARGE = { 413: refused('The request, or a part of it, exceeds a size limit.') };
const TOO_MANY = { 429: refused('The namespace exceeds a limit on its invocations.') };

const found = (description: string, body: z.ZodType): ResponseDescription => ({ description, body });
const COLOR = { 'X-OpenWhisk-Color': 'A locality hint: invocations of one color meet the same warm container.' };

/** All operations of the API. */
export function operations(limits: Limits): Operation[] {
  const page = {
    limit: z
      .int()
      .min(0)
      .max(limits.maxListLimit)
      .default(limits.defaultListLimit)
      .describe('The maximum number of entries. 0: as many as allowed.'),
    skip: z.int().min(0).default(0),
    count: z.boolean().default(false).describe('Return only the number of entries.'),
  };
  const overwrite = z.object({ overwrite: z.boolean().default(false) });
  const common = { ...BAD_REQUEST, ...UNAUTHORIZED, ...FORBIDDEN };
  const namespace = '/namespaces/{namespace}';

  const listing = (tag: string, summary: z.ZodType, more: Record<string, z.ZodType> = {}): Operation => ({
    method: 'get',
    path: `${namespace}/${tag}`,
    id: `list-${tag}`,
    tag,
    summary: `Lists the ${tag}, newest first.`,
    query: z.object({ ...page, ...more }),
    answers: { 200: found('Summaries, or their number.', schemas.listOf(tag, summary)), ...common },
  });
  const entity = (
    tag: string,
    name: string,
    path: string,
    suffix: string,
    body: z.ZodType,
    put: z.ZodType,
  ): Operation[] => [
    {
      method: 'get',
      path,
      id: `get-${name}${suffix}`,
      tag,
      summary: `Returns the ${name}.`,
      answers: { 200: found(`The ${name}.`, body), ...common, ...NOT_FOUND },
    },
    {
      method: 'put',
      path,
      id: `put-${name}${suffix}`,
      tag,
      summary: `Creates or changes the ${name}.`,
      query: overwrite,
      body: put,
      answers: {
        200: found(`The ${name} after the change.`, body),
        ...common,
        ...NOT_FOUND,
        ...CONFLICT,
        ...TOO_LARGE,
      },
    },
    {
      method: 'delete',
      path,
      id: `delete-${name}${suffix}`,
      tag,
      summary: `Deletes the ${name}.`,
      answers: { 200: found(`The deleted ${name}.`, body), ...common, ...NOT_FOUND, ...CONFLICT },
    },
  ];
  const actionAt = (path: string, suffix: string): Operation[] => [
    ...entity('actions', 'action', path, suffix, schemas.action, schemas.actionPut).map((operation) =>
      operation.method === 'get'
        ? { ...operation, query: z.object({ code: z.boolean().default(true).describe('Include the code.') }) }
        : operation,
    ),
    {
      method: 'post',
      path,
      id: `invoke-action${suffix}`,
      tag: 'actions',
      summary: 'Invokes the action.',
      headers: COLOR,
      query: z.object({
        blocking: z.boolean().default(false).describe('Wait for the result.'),
        result: z.boolean().default(false).describe('Return only the result.'),
        timeout: z
          .int()
          .min(1)
          .max(limits.maxBlockingWaitMs)
          .default(limits.maxBlockingWaitMs)
          .describe('Milliseconds.'),
      }),
      body: schemas.payload,
      answers: {
        200: found('The activation, or its result.', z.union([schemas.activationRecord, z.unknown()])),
        202: found('The request does not wait, or the wait timed out.', schemas.activationId),
        ...common,
        ...NOT_FOUND,
        ...TOO_LARGE,
        ...TOO_MANY,
        500: found('The system failed.', z.union([schemas.activationRecord, schemas.errorBody])),
        502: found('The action failed.', z.union([schemas.activationRecord, z.unknown()])),
        503: refused('No invoker is available.'),
      },
    },
  ];
  const activationAt = (path: string, id: string, summary: string, body: z.ZodType): Operation => ({
    method: 'get',
    path: `${namespace}/activations/{activationId}${path}`,
    id,
    tag: 'activations',
    summary,
    answers: { 200: found('The requested data.', body), ...common, ...NOT_FOUND },
  });

  return [
    {
      method: 'get',
      path: '/',
      id: 'describe',
      tag: 'service',
      summary: 'Describes this version of the API.',
      open: true,
      answers: { 200: found('Version and build.', schemas.apiInfo) },
    },
    {
      method: 'get',
      path: '/api-docs',
      id: 'describe-operations',
      tag: 'service',
      summary: 'Describes the operations in Swagger 2.0.',
      open: true,
      answers: { 200: found('A Swagger document.', z.looseObject({})) },
    },
    {
      method: 'get',
      path: '/openapi.json',
      id: 'describe-operations-openapi',
      tag: 'service',
      summary: 'Describes the operations in OpenAPI 3.1.',
      open: true,
      answers: { 200: found('An OpenAPI document.', z.looseObject({})) },
    },
    {
      method: 'get',
      path: '/docs',
      id: 'show-operations',
      tag: 'service',
      summary: 'Redirects to an HTML page.',
      open: true,
      answers: { 308: { description: 'The location of the page.' } },
    },
    {
      method: 'get',
      path: '/namespaces',
      id: 'list-namespaces',
      tag: 'namespaces',
      summary: "Lists the caller's namespaces.",
      answers: { 200: found('The names of the namespaces.', z.array(z.string())), ...UNAUTHORIZED },
    },
    {
      method: 'get',
      path: `${namespace}/limits`,
      id: 'get-limits',
      tag: 'limits',
      summary: 'Returns the limits of the namespace.',
      answers: { 200: found('The limits.', schemas.namespaceLimits), ...UNAUTHORIZED, ...FORBIDDEN },
    },

    listing('actions', schemas.actionSummary),
    {
      ...listing('actions', schemas.actionSummary),
      path: `${namespace}/actions/{package}/`,
      id: 'list-package-actions',
      summary: 'Lists the actions of a package, newest first.',
    },
    ...actionAt(`${namespace}/actions/{action}`, ''),
    ...actionAt(`${namespace}/actions/{package}/{action}`, '-in-package'),

    listing('packages', schemas.packageSummary, { public: z.boolean().optional() }),
    ...entity(
      'packages',
      'package',
      `${namespace}/packages/{package}`,
      '',
      schemas.wholePackage,
      schemas.packagePut,
    ).map((operation) =>
      operation.method === 'delete'
        ? {
            ...operation,
            query: z.object({ force: z.boolean().default(false).describe('Delete the actions of the package, too.') }),
          }
        : operation,
    ),

    listing('triggers', schemas.triggerSummary),
    ...entity('triggers', 'trigger', `${namespace}/triggers/{trigger}`, '', schemas.trigger, schemas.triggerPut),
    {
      method: 'post',
      path: `${namespace}/triggers/{trigger}`,
      id: 'fire-trigger',
      tag: 'triggers',
      summary: 'Fires the trigger.',
      body: schemas.payload,
      answers: {
        202: found('Its rules invoke their actions.', schemas.activationId),
        204: { description: 'The trigger has no active rules.' },
        ...common,
        ...NOT_FOUND,
        ...TOO_LARGE,
        ...TOO_MANY,
      },
    },

    listing('rules', schemas.ruleSummary),
    ...entity('rules', 'rule', `${namespace}/rules/{rule}`, '', schemas.rule, schemas.rulePut),
    {
      method: 'post',
      path: `${namespace}/rules/{rule}`,
      id: 'set-rule-state',
      tag: 'rules',
      summary: 'Activates or deactivates the rule.',
      body: schemas.ruleState,
      answers: { 200: { description: 'The rule has the requested status.' }, ...common, ...NOT_FOUND, ...CONFLICT },
    },

    listing('activations', schemas.activationSummary, {
      name: z.string().optional().describe('Only activations of this action: `action` or `package/action`.'),
      since: z
        .int()
        .optional()
        .describe('Only activations that started at this time or later: milliseconds since the epoch.'),
      upto: z
        .int()
        .optional()
        .describe('Only activations that started at this time or earlier: milliseconds since the epoch.'),
      color: z.string().optional().describe('Only activations of this color.'),
      docs: z.boolean().default(false).describe('Return whole records.'),
    }),
    activationAt('', 'get-activation', 'Returns the record of an activation.', schemas.activationRecord),
    activationAt(
      '/result',
      'get-activation-result',
      'Returns the status and the result of an activation.',
      schemas.activationResponse,
    ),
    activationAt('/logs', 'get-activation-logs', 'Returns the logs of an activation.', schemas.activationLogs),

    ...objectOperations(),
    ...(['get', 'post', 'put', 'delete', 'patch', 'head', 'options'] as const).map(webAction),
  ];
}

const webAction = (method: Method): Operation => ({
  method,
  path: '/web/{namespace}/{package}/{action}',
  id: `web-${method}`,
  tag: 'web actions',
  open: true,
  summary:
    'Calls a web action. The name may end in .http, .json, .html, .svg or .text; the action gets the rest of the path.',
  answers: {
    default: { description: "The action's response." },
    202: refused('The wait timed out.'),
    400: refused('The request sets protected parameters, or the result does not fit the extension.'),
    401: refused('The action requires credentials.'),
    ...NOT_FOUND,
    406: refused('The caller does not accept the content type of the result.'),
    ...TOO_LARGE,
    ...TOO_MANY,
  },
});
