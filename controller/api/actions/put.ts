import type { ControllerContext } from '../ControllerContext.js';
import { inNamespace, readQualifiedName } from '../../invocation/qualifiedNames.js';
import { checkSequence, type SequenceFault } from './sequenceLimits.js';
import { namespaceLimits } from '../../../shared/config/namespaceLimits.js';
import { badRequest, conflict } from '../../http/ApiError.js';
import { booleanParameter, queryOf } from '../../http/query.js';
import { sendText } from '../../http/respond.js';
import type { Call } from '../route.js';
import type { Action } from '../../../shared/entities/documents.js';
import { SEQUENCE, type Exec } from '../../../shared/entities/exec.js';
import type { FullyQualifiedName } from '../../../shared/entities/names.js';
import { withOwnEncryption } from '../../../shared/parameters/encryption.js';
import { readAndWrite } from '../staleness.js';
import { readActionBody, type ActionBody } from './actionBody.js';
import { readLargeCode, sendAction } from './sendAction.js';
import { authorizeAction, type ActionPath } from './authorizeAction.js';
import { refuseDeprecated } from '../../invocation/deprecation.js';
import { checkInstances, checkLimits } from './limitsBody.js';
import { newAction, revisedAction } from './revise.js';

const SEQUENCE_FAULTS: Readonly<Record<SequenceFault, string>> = {
  empty: 'No component specified for the sequence.',
  'too long': 'Too many actions in the sequence.',
  cyclic: 'Sequence may not refer to itself.',
  'component missing': 'Sequence component does not exist.',
};

/** Creates an action; with `overwrite=true` it changes an existing one. Responds 200 with the action. */
export async function putAction(ctx: ControllerContext, call: Call, target: ActionPath): Promise<void> {
  const { user, req, res } = call;
  const path = await authorizeAction(ctx, call, 'PUT', target);
  const bounds = namespaceLimits(ctx.limits, user.limits);
  const json = await ctx.bodies.json(req);
  const given = await readActionBody(json, ctx.runtimes, {
    maxCodeBytes: ctx.limits.maxCodeBytes,
    maxParameterBytes: bounds.maxParameterBytes,
  });
  const overwrite = booleanParameter(queryOf(req), 'overwrite', false);
  if (given.limits) checkLimits(given.limits, bounds);
  const body = await checkExec(ctx, call, given);

  const limit = bounds.concurrentInvocations;
  const action = await readAndWrite(() => writeAction(ctx, { path, name: target.name }, body, overwrite, limit));
  if (ctx.requireResponsePayload) sendAction(res, action, await readLargeCode(ctx.bodies, req, action));
  else sendText(res, 200, 'OK');
}

/** Creates or changes the action. @param limit the namespace's limit on concurrent invocations. */
async function writeAction(
  ctx: ControllerContext,
  target: FullyQualifiedName,
  body: ActionBody,
  overwrite: boolean,
  limit: number,
): Promise<Action> {
  const { path, name } = target;
  const id = `${path}/${name}`;
  const { latest } = ctx.entities;
  const old = await (body.exec ? latest.getAction(id) : latest.getActionWithCode(id));
  if (old && !overwrite) throw conflict('resource already exists');
  checkInstances(body.limits, limit);
  const exec = body.exec ?? old?.exec;
  if (!exec) throw badRequest('exec undefined');
  if (body.exec?.kind === SEQUENCE) await checkComponents(ctx, target, body.exec);
  refuseDeprecated(ctx.runtimes, exec.kind);

  const now = ctx.clock();
  const written = old ? revisedAction(old, body, now) : newAction(path, name, { ...body, exec }, ctx, now);
  const action = withOwnEncryption(written, old);
  await ctx.entities.putAction({ ...action, parameters: ctx.parameterLock.lock(action.parameters) });
  return action;
}

/**
 * Checks that the caller may use the kind, that the platform can run it, and that the caller may read the components of
 * a sequence. Returns the body with absolute component names.
 */
async function checkExec(ctx: ControllerContext, call: Call, body: ActionBody): Promise<ActionBody> {
  const { exec } = body;
  if (!exec) return body;
  let resolved = exec;
  if (exec.components) {
    const names = exec.components.map((name) => inNamespace(readQualifiedName(name), call.user.namespace.name));
    const resources = names.map(({ path, name }) => ({ path, name, collection: 'actions' as const }));
    await ctx.entitlement.check(call.user, 'READ', resources, { throttle: false });
    resolved = { ...exec, components: names.map(({ path, name }) => `/${path}/${name}`) };
  }
  ctx.entitlement.checkKind(call.user, exec.kind);
  const reason = await ctx.unavailable?.(exec.kind);
  if (reason !== undefined) throw badRequest(`Actions of kind '${exec.kind}' cannot run on this platform: ${reason}.`);
  return { ...body, exec: resolved };
}

async function checkComponents(ctx: ControllerContext, sequence: FullyQualifiedName, exec: Exec): Promise<void> {
  const components = (exec.components ?? []).map((name) => readQualifiedName(name));
  const fault = await checkSequence(ctx.entities, sequence, components, ctx.limits.maxSequenceLength);
  if (fault) throw badRequest(SEQUENCE_FAULTS[fault]);
}
