import type { HomesReply } from '../../../shared/objects/homesReply.js';
import type { InvokersReply } from '../../../shared/objects/invokersReply.js';
import { ObjectError, type ObjectErrorStatus } from '../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { ListRequest, ObjectList } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { ArtifactObject, StoredKeys } from '../store/ArtifactObjects.js';

/** The questions of a worker to its main thread, with the types of their answers. */
export interface Questions {
  readonly homes: {
    readonly asked: { readonly namespace: string; readonly color: string; readonly policy: string | undefined };
    readonly answer: HomesReply;
  };
  readonly invokers: {
    readonly asked: Readonly<Record<string, never>>;
    readonly answer: InvokersReply;
  };
  readonly keys: {
    readonly asked: { readonly namespace: ObjectNamespace; readonly color: string };
    readonly answer: StoredKeys;
  };
  readonly list: {
    readonly asked: { readonly namespace: ObjectNamespace; readonly request: ListRequest };
    readonly answer: ObjectList;
  };
  readonly read: {
    readonly asked: {
      readonly namespace: ObjectNamespace;
      readonly address: ObjectAddress;
      readonly epoch: number;
    };
    readonly answer: ArtifactObject | undefined;
  };
  readonly write: {
    readonly asked: {
      readonly namespace: ObjectNamespace;
      readonly address: ObjectAddress;
      readonly object: ArtifactObject;
      readonly epoch: number;
    };
    readonly answer: void;
  };
  readonly remove: {
    readonly asked: {
      readonly namespace: ObjectNamespace;
      readonly address: ObjectAddress;
      readonly epoch: number;
    };
    readonly answer: void;
  };
}

export type QuestionKind = keyof Questions;

/** The main thread's answers. */
export type Answers = {
  readonly [Kind in QuestionKind]: (asked: Questions[Kind]['asked']) => Promise<Questions[Kind]['answer']>;
};

/** A question on its way. */
export interface QuestionMessage {
  readonly id: number;
  readonly kind: QuestionKind;
  readonly asked: Questions[QuestionKind]['asked'];
}

/** The answer on its way. */
export type AnswerMessage =
  | { readonly id: number; readonly answer: Questions[QuestionKind]['answer'] }
  | { readonly id: number; readonly fault: Fault };

/** The reason why a question has not been answered. */
export interface Fault {
  readonly message: string;
  /** Of the `ObjectError` with which the question was refused; undefined: it was another error. */
  readonly refused?: { readonly status: ObjectErrorStatus; readonly retryAfterS: number | undefined };
}

/** Answers a question. Never rejects. */
export async function answerQuestion(answers: Answers, { id, kind, asked }: QuestionMessage): Promise<AnswerMessage> {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the kind decides the type of the question
    const answer = await (answers[kind] as (asked: unknown) => Promise<Questions[QuestionKind]['answer']>)(asked);
    return { id, answer };
  } catch (error) {
    return { id, fault: faultOf(error) };
  }
}

function faultOf(error: unknown): Fault {
  if (!(error instanceof ObjectError)) return { message: error instanceof Error ? error.message : String(error) };
  const { message, status, retryAfterS } = error;
  return { message, refused: { status, retryAfterS } };
}

function errorOf({ message, refused }: Fault): Error {
  if (!refused) return new Error(message);
  const { status, retryAfterS } = refused;
  return new ObjectError(status, message, retryAfterS === undefined ? {} : { retryAfterS });
}

/**
 * The limits for an answer, in ms. `keys` and `list` read all objects of a color in the store, page by page. The size of an object that is
 * read is not known before.
 */
const ANSWER_MS: Readonly<Record<QuestionKind, number>> = {
  homes: 10_000,
  invokers: 10_000,
  keys: 60_000,
  list: 60_000,
  read: 30_000,
  write: 10_000,
  remove: 10_000,
};
/** The most open questions. */
const MAX_OPEN = 10_000;

/** Asks the main thread. */
export class Asker {
  readonly #send: (question: QuestionMessage) => void;
  readonly #open = new Map<number, (message: AnswerMessage) => void>();
  #last = 0;

  constructor(send: (question: QuestionMessage) => void) {
    this.#send = send;
  }

  /**
   * Rejects with the reason in words: an `ObjectError` if the question was refused with one.
   * @param moreMs an addition to the limit, in ms.
   */
  ask<Kind extends QuestionKind>(
    kind: Kind,
    asked: Questions[Kind]['asked'],
    moreMs = 0,
  ): Promise<Questions[Kind]['answer']> {
    if (this.#open.size >= MAX_OPEN) return Promise.reject(new Error('too many questions are open'));
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      const limitMs = ANSWER_MS[kind] + moreMs;
      const late = setTimeout(
        () => this.answered({ id, fault: { message: `no answer within ${limitMs} ms` } }),
        limitMs,
      );
      this.#open.set(id, (message) => {
        clearTimeout(late);
        if ('fault' in message) reject(errorOf(message.fault));
        else resolve(message.answer);
      });
      this.#send({ id, kind, asked });
    });
  }

  answered(message: AnswerMessage): void {
    const settle = this.#open.get(message.id);
    this.#open.delete(message.id);
    settle?.(message);
  }
}
