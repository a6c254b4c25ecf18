import type { Request, Response } from 'express';
import type { ControllerContext } from '../ControllerContext.js';
import type { Routes } from '../app.js';
import { noSuchRoute } from '../../http/ApiError.js';
import { entityNameOf } from '../../http/names.js';
import { callOf, parameter, type Call } from '../route.js';
import type { ActionPath } from './authorizeAction.js';
import { deleteAction } from './delete.js';
import { getAction } from './get.js';
import { invokeAction } from './invoke.js';
import { listActions, listPackageActions } from './list.js';
import { putAction } from './put.js';

type ActionHandler = (ctx: ControllerContext, call: Call, target: ActionPath) => Promise<void>;

const HANDLERS: Readonly<Record<string, ActionHandler>> = {
  GET: getAction,
  PUT: putAction,
  POST: invokeAction,
  DELETE: deleteAction,
};

/**
 * Routes of actions. `actions/NAME` is an action in the default package, `actions/NAME/` lists the actions of a
 * package.
 */
export const actionRoutes: Routes = (router, ctx) => {
  router.get('/namespaces/:namespace/actions{/}', (req, res) => listActions(ctx, callOf(req, res)));
  router.get('/namespaces/:namespace/actions/:package/', (req, res) => {
    const call = callOf(req, res);
    return listPackageActions(ctx, call, entityNameOf(parameter(req, 'package')));
  });
  const dispatch = async (req: Request, res: Response): Promise<void> => {
    const handler = HANDLERS[req.method];
    if (!handler) throw noSuchRoute();
    const call = callOf(req, res);
    const inPackage = req.params['package'] !== undefined;
    const target = {
      package: inPackage ? entityNameOf(parameter(req, 'package')) : undefined,
      name: entityNameOf(parameter(req, 'name')),
    };
    await handler(ctx, call, target);
  };
  router.all('/namespaces/:namespace/actions/:name', dispatch);
  router.all('/namespaces/:namespace/actions/:package/:name', dispatch);
};
