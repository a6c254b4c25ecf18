import { operatorOnly, sameSiteOnly } from '../../authentication/operator.js';
import { ApiError } from '../../http/ApiError.js';
import { boundedColor } from '../../../shared/colors/colorOf.js';
import { setCors } from '../../http/cors.js';
import type { Routes } from '../app.js';
import { queryOf } from '../../http/query.js';
import { sendJson, sendText } from '../../http/respond.js';
import { healthyCount, invokerStates, isReady } from './health.js';
import { apiInfo, DOCUMENTATION_LINKS, serviceInfo } from './info.js';

/** Paths for the operator of the installation, not for its users. */
const OPERATORS_PATHS = ['/invokers', '/activation', '/palette', '/disable', '/enable', '/metrics'];

/** The controller's state and switches, outside of the API. */
export const serviceRoutes: Routes = (router, ctx) => {
  const { balancer } = ctx;
  const operator = operatorOnly(ctx.operator);
  router.get('/ping', (_req, res) => {
    sendText(res, 200, 'pong');
  });
  router.get('/', (_req, res) => {
    res.setHeader('Link', DOCUMENTATION_LINKS);
    sendJson(res, 200, serviceInfo(ctx.limits, ctx.runtimes, ctx.build));
  });

  // Pages of other sites must not read or switch anything: neither through CORS nor through a form.
  router.use(OPERATORS_PATHS, sameSiteOnly, (req, res, next) => {
    if (req.method === 'OPTIONS') sendText(res, 200, 'OK');
    else next();
  });
  router.get('/invokers/healthy/count', (_req, res) => {
    sendJson(res, 200, healthyCount(balancer.invokers()));
  });
  // For probes, so without credentials: it gives only the number of invokers, not their names.
  router.get('/invokers/ready', (_req, res) => {
    const invokers = balancer.invokers();
    const healthy = healthyCount(invokers);
    if (isReady(invokers, ctx.readinessFraction)) sendJson(res, 200, { healthy: `${healthy}/${invokers.length}` });
    else sendJson(res, 500, { unhealthy: `${invokers.length - healthy}/${invokers.length}` });
  });
  router.get('/invokers{/}', operator, (_req, res) => {
    sendJson(res, 200, invokerStates(balancer.invokers()));
  });
  router.get('/activation{/}', operator, (_req, res) => {
    sendJson(res, 200, balancer.activeActivations());
  });
  router.get('/activation/count', operator, (_req, res) => {
    sendJson(res, 200, balancer.totalActiveActivations());
  });
  // Without parameters: the whole palette. With a namespace and a color: the homes of that color.
  router.get('/palette{/}', operator, (req, res) => {
    const query = queryOf(req);
    const namespace = query.get('namespace');
    const color = query.get('color');
    const { colors } = ctx;
    if (!colors) throw new ApiError(404);
    if (namespace === null || color === null) {
      sendJson(res, 200, { ...colors.palette.view(), templateMistakes: colors.mistakes.list() });
    } else {
      sendJson(res, 200, colors.palette.homes(namespace, boundedColor(color)));
    }
  });
  router.post('/disable', operator, (req, res, next) => {
    ctx.log.warn('the operator takes this controller out of service', { transid: req.transid });
    ctx.setInService(false).then(() => sendText(res, 200, 'controller is disabled'), next);
  });
  router.post('/enable', operator, (req, res, next) => {
    ctx.log.warn('the operator takes this controller into service', { transid: req.transid });
    ctx.setInService(true).then(() => sendText(res, 200, 'controller is enabled'), next);
  });
};

/** `GET /api/v1`. */
export const apiInfoRoutes: Routes = (router, ctx) => {
  router.get('/', (_req, res) => {
    setCors(res);
    res.setHeader('Link', DOCUMENTATION_LINKS);
    sendJson(res, 200, apiInfo(ctx.build));
  });
};
