import type * as z from 'zod';

/** The first mistake that a schema found, after the field that has it: `reads.0.1: Too small: expected …`. One line. */
export function schemaMistake({ issues: [issue] }: z.ZodError): string {
  if (!issue) return 'it is not valid';
  const field = issue.path.map(String).join('.');
  const text = issue.message.replaceAll(/\s*\n\s*/g, ' ');
  return field === '' ? text : `${field}: ${text}`;
}
