/** An argument as a shell takes it: in quotes if it has characters other than those of plain names. */
export const shellWord = (text: string): string =>
  /^[\p{L}\p{N}_.,:/@%+-]+$/u.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
