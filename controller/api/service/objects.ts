import type { Request } from 'express';
import { HOMES_PATH } from '../../../shared/objects/homesReply.js';
import { INVOKERS_PATH, LOST_AFTER_MS, MAX_INVOKERS } from '../../../shared/objects/invokersReply.js';
import { PEER_HEADER } from '../../../shared/objects/peerHeader.js';
import { messageOf } from '../../../shared/errors/reasons.js';
import { operatorOnly, sameSiteOnly } from '../../authentication/operator.js';
import { ApiError } from '../../http/ApiError.js';
import { queryOf } from '../../http/query.js';
import { sendJson } from '../../http/respond.js';
import type { ObjectPeers } from '../../objects/ObjectPeers.js';
import type { Routes } from '../app.js';

const NOT_ALL =
  `This controller does not know all invokers: it has heard of them for less than ${LOST_AFTER_MS / 60_000} minutes, ` +
  `or there are more than ${MAX_INVOKERS}.`;

/** The limit for an invoker's figures, in ms. */
const FIGURES_MS = 2000;

/** `GET /palette/homes` and `GET /palette/homes/invokers` for invokers, and `GET /palette/objects` for operators. */
export const objectServiceRoutes: Routes = (router, ctx) => {
  const { objects } = ctx;
  if (!objects) return;
  router.get(HOMES_PATH, async (req, res) => {
    requirePeer(objects, req);
    const query = queryOf(req);
    const namespace = query.get('namespace');
    const color = query.get('color');
    if (namespace === null || color === null) throw new ApiError(400, 'The query must name a namespace and a color.');
    const reply = await objects.reply(namespace, color, query.get('policy') ?? undefined);
    if (!reply) throw new ApiError(404);
    sendJson(res, 200, reply);
  });
  router.get(INVOKERS_PATH, (req, res) => {
    requirePeer(objects, req);
    const reply = objects.allInvokers();
    if (!reply) throw new ApiError(503, NOT_ALL);
    sendJson(res, 200, reply);
  });
  router.get('/palette/objects', sameSiteOnly, operatorOnly(ctx.operator), async (_req, res) => {
    sendJson(res, 200, await Promise.all(objects.peers().map((peer) => figuresOf(objects, peer))));
  });
};

/** @throws ApiError 403 */
function requirePeer(objects: ObjectPeers, req: Request): void {
  const header = req.headers[PEER_HEADER];
  const claims = objects.verify(req.method, req.originalUrl, typeof header === 'string' ? header : undefined);
  if (!claims) {
    throw new ApiError(
      403,
      'The request is not signed by an invoker of this installation: secrets must be equal, and clocks must agree within 30 s.',
    );
  }
}

/** The figures of one invoker, or why there are none. */
async function figuresOf(objects: ObjectPeers, { instance, url }: { instance: number; url: string }): Promise<object> {
  try {
    const response = await objects.send(url, {
      method: 'GET',
      path: '/',
      headers: {},
      operation: 'stats',
      namespace: undefined,
      timeoutMs: FIGURES_MS,
      signal: AbortSignal.timeout(FIGURES_MS),
    });
    if (response.statusCode !== 200) {
      await response.body.dump();
      return { invoker: instance, error: `The invoker responded with status ${response.statusCode}.` };
    }
    const figures: unknown = await response.body.json();
    return { invoker: instance, ...(typeof figures === 'object' ? figures : {}) };
  } catch (error) {
    return { invoker: instance, error: `The invoker does not answer: ${messageOf(error)}` };
  }
}
