import type { Routes } from '../app.js';
import { addCollection } from '../route.js';
import { deleteTrigger } from './delete.js';
import { getTrigger, listTriggers } from './get.js';
import { postTrigger } from './post.js';
import { putTrigger } from './put.js';

export const triggerRoutes: Routes = (router, ctx) => {
  addCollection(router, ctx, {
    collection: 'triggers',
    list: listTriggers(ctx),
    get: getTrigger(ctx),
    put: putTrigger(ctx),
    post: postTrigger(ctx),
    delete: deleteTrigger(ctx),
  });
};
