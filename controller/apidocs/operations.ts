import * as z from 'zod';
import type { Limits } from '../../shared/config/limits.js';
import * as schemas from './schemas.js';

export type Method = 'get' | 'put' | 'post' | 'delete' | 'patch' | 'head' | 'options';

/** An answer: what it means, and the body if there is one. */
export interface Answer {
  readonly description: string;
  readonly body?: z.ZodType | undefined;
}

/** One method of one path, as the description lists it. Path parameters are taken from the path. */
export interface Operation {
  readonly method: Method;
  /** Below `/api/v1`, with `{parameters}`. */
  readonly path: string;
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly query?: z.ZodObject | undefined;
  /** Descriptions of request headers by their names. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: z.ZodType | undefined;
  readonly answers: Readonly<Record<number | string, Answer>>;
  /** Answers without credentials. */
  readonly open?: true | undefined;
}

const refused = (description: string): Answer => ({ description, body: schemas.errorBody });

const BAD_REQUEST = { 400: refused('The request is malformed.') };
const UNAUTHORIZED = { 401: refused('There are no credentials, or they do not hold.') };
const FORBIDDEN = { 403: refused('The caller may not do this.') };
const NOT_FOUND = { 404: refused('There is none of that name.') };
const CONFLICT = { 409: refused('It exists already, was changed by somebody else, or is of another type.') };
const TOO_LARGE = { 413: refused('The request, or a part of it, is over a limit.') };
const TOO_MANY = { 429: refused('The namespace is over a limit on its invocations.') };

const found = (description: string, body: z.ZodType): Answer => ({ description, body });
const COLOR = { 'X-OpenWhisk-Color': 'A hint where to run: invocations of one color meet the same warm container.' };

/** Every operation of the API. */
export function operations(limits: Limits): Operation[] {
  const page = {
    limit: z.int().min(0).max(limits.maxListLimit).default(limits.defaultListLimit).describe('0: as many as allowed.'),
    skip: z.int().min(0).default(0),
    count: z.boolean().default(false).describe('Answer only how many there are.'),
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
    answers: { 200: found('Summaries, or their count.', schemas.listOf(tag, summary)), ...common },
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
      summary: `Answers the ${name}.`,
      answers: { 200: found(`The ${name}.`, body), ...common, ...NOT_FOUND },
    },
    {
      method: 'put',
      path,
      id: `put-${name}${suffix}`,
      tag,
      summary: `Makes the ${name}, or changes it.`,
      query: overwrite,
      body: put,
      answers: { 200: found(`The ${name} as it is now.`, body), ...common, ...NOT_FOUND, ...CONFLICT, ...TOO_LARGE },
    },
    {
      method: 'delete',
      path,
      id: `delete-${name}${suffix}`,
      tag,
      summary: `Deletes the ${name}.`,
      answers: { 200: found(`The ${name} as it was.`, body), ...common, ...NOT_FOUND, ...CONFLICT },
    },
  ];
  const actionAt = (path: string, suffix: string): Operation[] => [
    ...entity('actions', 'action', path, suffix, schemas.action, schemas.actionPut).map((operation) =>
      operation.method === 'get'
        ? { ...operation, query: z.object({ code: z.boolean().default(true).describe('With its code.') }) }
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
        result: z.boolean().default(false).describe('Answer the result alone.'),
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
        202: found('Not waited for, or not over in time.', schemas.activationId),
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
    answers: { 200: found('It.', body), ...common, ...NOT_FOUND },
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
      summary: 'This document.',
      open: true,
      answers: { 200: found('An OpenAPI document.', z.looseObject({})) },
    },
    {
      method: 'get',
      path: '/docs',
      id: 'show-operations',
      tag: 'service',
      summary: 'Leads to a page for readers.',
      open: true,
      answers: { 308: { description: 'Where the page is.' } },
    },
    {
      method: 'get',
      path: '/namespaces',
      id: 'list-namespaces',
      tag: 'namespaces',
      summary: 'The namespaces of the caller.',
      answers: { 200: found('Their names.', z.array(z.string())), ...UNAUTHORIZED },
    },
    {
      method: 'get',
      path: `${namespace}/limits`,
      id: 'get-limits',
      tag: 'limits',
      summary: 'The limits of the namespace.',
      answers: { 200: found('Limits.', schemas.namespaceLimits), ...UNAUTHORIZED, ...FORBIDDEN },
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
        ? { ...operation, query: z.object({ force: z.boolean().default(false).describe('With its actions.') }) }
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
        204: { description: 'It has no active rules.' },
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
      summary: 'Turns the rule on or off.',
      body: schemas.ruleState,
      answers: { 200: { description: 'It is as asked for.' }, ...common, ...NOT_FOUND, ...CONFLICT },
    },

    listing('activations', schemas.activationSummary, {
      name: z.string().optional().describe('Only of this action; `package/action` for one in a package.'),
      since: z.int().optional().describe('Started at this time or later: milliseconds since the epoch.'),
      upto: z.int().optional().describe('Started at this time or earlier: milliseconds since the epoch.'),
      color: z.string().optional().describe('Only of this color.'),
      docs: z.boolean().default(false).describe('Whole records.'),
    }),
    activationAt('', 'get-activation', 'Answers the record of an activation.', schemas.activationRecord),
    activationAt(
      '/result',
      'get-activation-result',
      'Answers how it ended, and its result.',
      schemas.activationResponse,
    ),
    activationAt('/logs', 'get-activation-logs', 'Answers what it wrote.', schemas.activationLogs),

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
    'Calls a web action. The name may end in .http, .json, .html, .svg or .text; what follows it goes to the action.',
  answers: {
    default: { description: 'What the action answers.' },
    202: refused('It is not over in time.'),
    400: refused('The request sets protected parameters, or the result does not fit the extension.'),
    401: refused('The action asks for credentials.'),
    ...NOT_FOUND,
    406: refused('The caller does not take the type of the result.'),
    ...TOO_LARGE,
    ...TOO_MANY,
  },
});
