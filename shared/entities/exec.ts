import * as z from 'zod';

/**
 * Where code is kept when it is not inside the document. `mem:BASE64URL` carries it in the name; `couch:UUID` (or another
 * scheme) names an attachment of the same document. See `AttachedCode` in the store.
 */
export const attachedSchema = z.object({
  attachmentName: z.string(),
  attachmentType: z.string(),
  length: z.number().optional(),
  digest: z.string().optional(),
});
export type Attached = z.infer<typeof attachedSchema>;

/** What an action runs, as its document in the store carries it. `code` is plain text, base64 (`binary`), or attached. */
export const execDocumentSchema = z
  .object({
    kind: z.string(),
    code: z.union([z.string(), attachedSchema]).optional(),
    binary: z.boolean().optional(),
    main: z.string().optional(),
    image: z.string().optional(),
    components: z.array(z.string()).optional(),
    // Where old documents of Java actions have their code.
    jar: z.union([z.string(), attachedSchema]).optional(),
  })
  .transform(({ jar, ...exec }) => (jar === undefined ? exec : { ...exec, code: exec.code ?? jar }));
export interface ExecDocument {
  kind: string;
  code?: string | Attached | undefined;
  binary?: boolean | undefined;
  main?: string | undefined;
  image?: string | undefined;
  /** Of a sequence: fully qualified names with a leading slash. */
  components?: string[] | undefined;
}

/** An exec whose code, where it has any, is at hand: text, or base64 where `binary`. */
export interface Exec {
  kind: string;
  code?: string | undefined;
  binary?: boolean | undefined;
  main?: string | undefined;
  image?: string | undefined;
  components?: string[] | undefined;
}

export const BLACKBOX = 'blackbox';
export const SEQUENCE = 'sequence';
