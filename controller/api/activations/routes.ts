import type { Request, Response } from 'express';
import type { ControllerContext } from '../ControllerContext.js';
import type { Routes } from '../app.js';
import { badRequest, notFound } from '../../http/ApiError.js';
import { queryOf } from '../../http/query.js';
import { sendJson } from '../../http/respond.js';
import { authorize, callOf, parameter, type Call } from '../route.js';
import type { ActivationRecord } from '../../../shared/entities/activation.js';
import { isActivationId } from '../../../shared/entities/activationId.js';
import { activationView, responseView } from './activationView.js';
import { readActivationQuery } from './filter.js';

const ID_LENGTH = 32;

/** Routes of activations, all read-only: lists, records, results and logs. */
export const activationRoutes: Routes = (router, ctx) => {
  router.get('/namespaces/:namespace/activations{/}', async (req, res) => {
    const call = callOf(req, res);
    await authorize(ctx, call, 'READ', { path: call.namespace, collection: 'activations' });
    await list(ctx, call);
  });
  router.get('/namespaces/:namespace/activations/:id{/}', async (req, res) => {
    sendJson(res, 200, activationView(await find(ctx, req, res)));
  });
  router.get('/namespaces/:namespace/activations/:id/result', async (req, res) => {
    sendJson(res, 200, responseView((await find(ctx, req, res)).response));
  });
  router.get('/namespaces/:namespace/activations/:id/logs', async (req, res) => {
    sendJson(res, 200, { logs: (await find(ctx, req, res)).logs });
  });
};

async function list(ctx: ControllerContext, call: Call): Promise<void> {
  const { filter, skip, limit, count, docs } = readActivationQuery(queryOf(call.req), ctx.limits);
  if (count) {
    sendJson(call.res, 200, { activations: await ctx.activations.count(call.namespace, filter, skip) });
  } else if (docs) {
    const records = await ctx.activations.list(call.namespace, filter, { skip, limit, docs });
    sendJson(call.res, 200, records.map(activationView));
  } else sendJson(call.res, 200, await ctx.activations.list(call.namespace, filter, { skip, limit, docs }));
}

async function find(ctx: ControllerContext, req: Request, res: Response): Promise<ActivationRecord> {
  const call = callOf(req, res);
  const id = checkActivationId(parameter(req, 'id'));
  await authorize(ctx, call, 'READ', { path: call.namespace, collection: 'activations', name: id });
  const record = await ctx.activations.get(call.namespace, id);
  if (!record) throw notFound();
  return record;
}

/** @throws ApiError 400 */
function checkActivationId(id: string): string {
  if (id.length !== ID_LENGTH) {
    throw badRequest(`Activation id length is ${id.length} but must be ${ID_LENGTH}.`);
  }
  if (!isActivationId(id)) throw badRequest('The activation id is not valid.');
  return id;
}
