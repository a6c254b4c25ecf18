import type { ServerResponse } from 'node:http';
import type { ApiRequest } from '../http/ApiRequest.js';
import type { ControllerContext } from './ControllerContext.js';

/**
 * Serves a request without a walk through express's routers, which takes longer than the rest of the API's work. Returns
 * undefined if the request is not its own: then express has the request. Behaves as the route of express does. It may throw, and
 * its promise may reject, with the errors of the API.
 */
export type DirectRoute = (ctx: ControllerContext, req: ApiRequest, res: ServerResponse) => Promise<void> | undefined;

/** The routes of an application, which are asked in order. `failed` answers errors. */
export function serveDirectly(
  ctx: ControllerContext,
  routes: readonly DirectRoute[],
  failed: (error: unknown, req: ApiRequest, res: ServerResponse) => void,
): (req: ApiRequest, res: ServerResponse) => boolean {
  return (req, res) => {
    req.res = res;
    try {
      for (const route of routes) {
        const serving = route(ctx, req, res);
        if (!serving) continue;
        serving.catch((error: unknown) => failed(error, req, res));
        return true;
      }
      return false;
    } catch (error) {
      failed(error, req, res);
      return true;
    }
  };
}
