import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { transferMs } from '../../../shared/objects/bounds.js';
import { ObjectBytes } from '../memory/ObjectBytes.js';
import type { Asker, QuestionKind, Questions } from './questions.js';
import type { ObjectStore } from '../sharing/ObjectStore.js';

/** The store of the main thread, for a worker. */
export function askedStore(asker: Asker): ObjectStore {
  const ask = async <Kind extends QuestionKind>(
    kind: Kind,
    asked: Questions[Kind]['asked'],
    moreMs = 0,
  ): Promise<Questions[Kind]['answer']> => {
    try {
      return await asker.ask(kind, asked, moreMs);
    } catch (cause) {
      // The store's own refusal: another try may be in vain.
      if (cause instanceof ObjectError) throw cause;
      const reason = cause instanceof Error ? cause.message : '';
      throw new ObjectError(503, `The store does not work: ${reason}`, { retryAfterS: 1, cause });
    }
  };
  return {
    keys: async (namespace, color) => {
      const { keys, epoch } = await ask('keys', { namespace, color });
      return { keys: keys === 'many' ? keys : new Set(keys), epoch };
    },
    list: (namespace, request) => ask('list', { namespace, request }),
    read: async (namespace, address, epoch) => {
      const object = await ask('read', { namespace, address, epoch });
      return object && { ...object, bytes: ObjectBytes.of(object.bytes) };
    },
    write: (namespace, address, { bytes, ...rest }, epoch) => {
      const object = { ...rest, bytes: Buffer.concat(bytes.pieces()) };
      return ask('write', { namespace, address, object, epoch }, transferMs(bytes.length));
    },
    remove: (namespace, address, epoch) => ask('remove', { namespace, address, epoch }),
  };
}
