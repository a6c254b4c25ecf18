/** A fault of an action's code. It has no stack, since the stack would be that of the runtime. */
export class InitError extends Error {
  constructor(message: string) {
    super(message);
    this.stack = message;
  }
}
