import type { Routes } from '../app.js';
import { addCollection } from '../route.js';
import { deleteRule } from './delete.js';
import { getRule, listRules } from './get.js';
import { postRule } from './post.js';
import { putRule } from './put.js';

export const ruleRoutes: Routes = (router, ctx) => {
  addCollection(router, ctx, {
    collection: 'rules',
    list: listRules(ctx),
    get: getRule(ctx),
    put: putRule(ctx),
    post: postRule(ctx),
    delete: deleteRule(ctx),
  });
};
