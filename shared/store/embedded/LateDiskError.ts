/** The disk did not answer within a limit. Its answer may still come. */
export class LateDiskError extends Error {
  override readonly name = 'LateDiskError';

  constructor(what: 'take' | 'confirm', limitMs: number) {
    super(`the disk did not ${what} a write within ${limitMs} ms`);
  }
}
