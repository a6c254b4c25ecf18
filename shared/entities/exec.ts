import * as z from 'zod';
import type { LargeCode } from './LargeCode.js';

/**
 * The location of code outside of the document's text: `mem:BASE64URL` contains the code, `couch:UUID` (or another
 * scheme) names an attachment of the same document. See `shared/store/code.ts`.
 */
export const attachedSchema = z.object({
  attachmentName: z.string(),
  attachmentType: z.string(),
  length: z.number().optional(),
  digest: z.string().optional(),
});
export type Attached = z.infer<typeof attachedSchema>;

/** The `exec` of an action's document. `code` is plain text, base64 (`binary`), or attached. */
export const execDocumentSchema = z
  .object({
    kind: z.string(),
    code: z.union([z.string(), attachedSchema]).optional(),
    binary: z.boolean().optional(),
    main: z.string().optional(),
    image: z.string().optional(),
    components: z.array(z.string()).optional(),
    // Old documents of Java actions have their code here.
    jar: z.union([z.string(), attachedSchema]).optional(),
  })
  .transform(({ jar, ...exec }) => (jar === undefined ? exec : { ...exec, code: exec.code ?? jar }));
export interface ExecDocument {
  kind: string;
  code?: string | Attached | undefined;
  binary?: boolean | undefined;
  main?: string | undefined;
  image?: string | undefined;
  /** For a sequence: fully qualified names with a leading slash. */
  components?: string[] | undefined;
}

/** An `exec` with its code, if it has code: text, base64 if `binary`, or a `LargeCode` that reads it. */
export interface Exec {
  kind: string;
  code?: string | LargeCode | undefined;
  binary?: boolean | undefined;
  main?: string | undefined;
  image?: string | undefined;
  components?: string[] | undefined;
}

export const BLACKBOX = 'blackbox';
export const SEQUENCE = 'sequence';
