import type * as z from 'zod';

export type Method = 'get' | 'put' | 'post' | 'delete' | 'patch' | 'head' | 'options';

/** A response: its description, and its body if it has one. */
export interface ResponseDescription {
  readonly description: string;
  readonly body?: z.ZodType | undefined;
}

/** One method of one path. The path contains the path parameters. */
export interface Operation {
  readonly method: Method;
  /** Below `/api/v1`, with `{parameters}`. */
  readonly path: string;
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly query?: z.ZodObject | undefined;
  /** Descriptions of request headers by name. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: z.ZodType | undefined;
  readonly answers: Readonly<Record<number | string, ResponseDescription>>;
  /** Whether it needs no credentials. */
  readonly open?: true | undefined;
}
