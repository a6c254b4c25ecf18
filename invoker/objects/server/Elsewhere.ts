import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Locate, Peer } from '../../../shared/objects/Locate.js';
import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { ListRequest, ObjectList, Persistence } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { StoredObject } from '../memory/StoredObject.js';
import type { Prepared } from './searches.js';

/** A request for an object whose home is another invoker. */
export interface ForwardedCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly namespace: ObjectNamespace;
  readonly color: string;
  /** The policy that the request names. */
  readonly policy: string | undefined;
  /** The path from the color on, with the query. */
  readonly path: string;
  /** The first one is the home. */
  readonly homes: readonly [Peer, ...Peer[]];
}

/** All that the object server needs to know about other invokers and the store. */
export interface Elsewhere {
  readonly locate: Locate;
  /** Forwards the request to the home, and its response back. Rejects with an `ObjectError` before a response began. */
  forward(call: ForwardedCall): Promise<void>;
  /**
   * Refuses a change that could not be made safe now: the installation lacks what the persistence needs, or that of the object as it is.
   * Called before the body of a change is read, and right before the change.
   * @param persistence that the change gives the object; undefined: it names none.
   * @throws ObjectError 503
   */
  admit?(namespace: ObjectNamespace, address: ObjectAddress, persistence: Persistence | undefined): void;
  /** Whether this invoker executes the operations on a color now. Missing: always. */
  owns?(namespace: ObjectNamespace, color: string): boolean;
  /**
   * Called before an operation: what to wait for. An earlier change must be as safe as its persistence promises; an
   * object that is not in this memory is put there if another invoker or the store has it. Undefined: nothing. After a
   * wait, the operation is to look again. Rejects with an `ObjectError`.
   * @param mayRecover whether to search for a missing object: see `Searches`.
   */
  prepare?(namespace: ObjectNamespace, address: ObjectAddress, mayRecover: boolean): Promise<Prepared> | undefined;
  /** Calls `leave` once when another invoker takes the color over. @returns a function that ends this. */
  onLeave?(namespace: ObjectNamespace, color: string, leave: () => void): () => void;
  /** The objects of a color wherever they are. Missing: in this memory. */
  list?(namespace: ObjectNamespace, asked: ListRequest): Promise<ObjectList>;
  /**
   * Called after a change, before its response. Resolves once the object is as safe as its persistence promises.
   * Undefined if that is so already.
   * @param object the object after the change; undefined: it was deleted.
   * @param before the object before the change.
   */
  settle?(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    object: StoredObject | undefined,
    before: StoredObject | undefined,
  ): Promise<void> | undefined;
}
