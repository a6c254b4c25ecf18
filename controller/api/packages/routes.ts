import type { Routes } from '../app.js';
import { addCollection } from '../route.js';
import { deletePackage } from './delete.js';
import { getPackage } from './get.js';
import { listPackages } from './list.js';
import { putPackage } from './put.js';

export const packageRoutes: Routes = (router, ctx) => {
  addCollection(router, ctx, {
    collection: 'packages',
    list: listPackages(ctx),
    get: getPackage(ctx),
    put: putPackage(ctx),
    delete: deletePackage(ctx),
  });
};
