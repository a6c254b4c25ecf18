import { DocumentConflictError, RefusedByStoreError, StoreError } from '../../../../../shared/store/ArtifactStore.js';
import { openTemporaryStores } from '../../../../../shared/store/embedded/open.js';
import { portStore, storeServices } from '../../../../../shared/store/port/PortStore.js';
import { artifactStoreSuite } from '../../../../suites/artifactStore.js';
import { connectedSides } from '../../threads/ports.js';

describe('the store over a port', () => {
  artifactStoreSuite(async () => {
    const stores = await openTemporaryStores();
    const sides = connectedSides({ errors: [DocumentConflictError, RefusedByStoreError, StoreError] });
    sides.far.serve(storeServices(stores));
    return {
      whisks: portStore(sides.near, 'whisks'),
      activations: portStore(sides.near, 'activations'),
      subjects: portStore(sides.near, 'subjects'),
      close: async () => {
        sides.close();
        await stores.close();
      },
    };
  });
});
