import type { HomesReply } from '../../../shared/objects/homesReply.js';
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

/** The answer on its way; `fault`: why there is none. */
export type AnswerMessage =
  | { readonly id: number; readonly answer: Questions[QuestionKind]['answer'] }
  | { readonly id: number; readonly fault: string };

/** Answers a question. Never rejects. */
export async function answerQuestion(answers: Answers, { id, kind, asked }: QuestionMessage): Promise<AnswerMessage> {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the kind decides the type of the question
    const answer = await (answers[kind] as (asked: unknown) => Promise<Questions[QuestionKind]['answer']>)(asked);
    return { id, answer };
  } catch (error) {
    return { id, fault: error instanceof Error ? error.message : String(error) };
  }
}

/** The limit for an answer, in ms. */
const ANSWER_MS = 10_000;
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

  /** Rejects with the reason in words. */
  ask<Kind extends QuestionKind>(kind: Kind, asked: Questions[Kind]['asked']): Promise<Questions[Kind]['answer']> {
    if (this.#open.size >= MAX_OPEN) return Promise.reject(new Error('too many questions are open'));
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.answered({ id, fault: `no answer within ${ANSWER_MS} ms` }), ANSWER_MS);
      this.#open.set(id, (message) => {
        clearTimeout(late);
        if ('fault' in message) reject(new Error(message.fault));
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
