import type { ControllerContext } from '../ControllerContext.js';
import { namespaceLimits } from '../../../shared/config/namespaceLimits.js';
import { badRequest, conflict } from '../../http/ApiError.js';
import { booleanParameter, queryOf } from '../../http/query.js';
import { sendChanged } from '../../http/respond.js';
import type { EntityHandler } from '../route.js';
import { NotFoundError } from '../../refusals/refusals.js';
import { createOrUpdate } from '../entityWrites.js';
import { readAndWrite } from '../staleness.js';
import { readPackageBody, type Binding } from './packageBody.js';
import { packageView } from './packageView.js';
import { bindingOf, newPackage, revisedPackage } from './revise.js';
import type { Identity } from '../../../shared/entities/identity.js';
import { withOwnEncryption } from '../../../shared/parameters/encryption.js';
import { WrongEntityTypeError } from '../../../shared/store/EntityStore.js';

/** The name of the default package in paths of web actions. */
const RESERVED = 'default';
const BINDING_MISSING = 'Binding references a package that does not exist.';
const BINDING_INVALID = 'Cannot bind to a resource that is not a package.';

/** Creates or changes a package or a binding. */
export const putPackage =
  (ctx: ControllerContext): EntityHandler =>
  async ({ req, res, user, namespace, name }) => {
    const json = await ctx.bodies.json(req);
    const body = readPackageBody(json, namespace, namespaceLimits(ctx.limits, user.limits).maxParameterBytes);
    const overwrite = booleanParameter(queryOf(req), 'overwrite', false);
    if (name === RESERVED) throw badRequest(`Package name '${name}' is reserved.`);
    if (body.binding) await checkAccess(ctx, user, body.binding);
    const document = await readAndWrite(async () => {
      const old = await ctx.entities.latest.getPackage(`${namespace}/${name}`);
      const written = await createOrUpdate(
        old,
        overwrite,
        async () => {
          if (body.binding) await checkBindable(ctx, body.binding);
          return newPackage(namespace, name, body, ctx.clock());
        },
        async (existing) => {
          if (body.binding) {
            if (!bindingOf(existing)) throw conflict('Resource is a package and cannot be converted into a binding.');
            await checkBindable(ctx, body.binding);
          }
          return revisedPackage(existing, body, ctx.clock());
        },
      );
      const changed = withOwnEncryption(written, old);
      await ctx.entities.putPackage({ ...changed, parameters: ctx.parameterLock.lock(changed.parameters) });
      return changed;
    });
    sendChanged(res, packageView(document), ctx.requireResponsePayload);
  };

/** Checks that the caller may read the bound package. */
async function checkAccess(ctx: ControllerContext, user: Identity, { namespace, name }: Binding): Promise<void> {
  try {
    await ctx.entitlement.check(user, 'READ', [{ path: namespace, collection: 'packages', name }]);
  } catch (error) {
    if (error instanceof NotFoundError) throw badRequest(BINDING_MISSING);
    if (error instanceof WrongEntityTypeError) throw conflict(BINDING_INVALID);
    throw error;
  }
}

/** Checks that the bound package exists and is not itself a binding. */
async function checkBindable(ctx: ControllerContext, { namespace, name }: Binding): Promise<void> {
  try {
    const provider = await ctx.entities.latest.getPackage(`${namespace}/${name}`);
    if (!provider) throw badRequest(BINDING_MISSING);
    if (bindingOf(provider)) throw badRequest('Cannot bind to another package binding.');
  } catch (error) {
    if (error instanceof WrongEntityTypeError) throw conflict(BINDING_INVALID);
    throw error;
  }
}
