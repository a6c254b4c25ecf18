const BLANK_LINE = '\r\n\r\n';

/**
 * The number of whole HTTP/1.1 responses at the beginning of a text whose characters are bytes (Latin-1), without interim ones. A
 * response without a length is whole if the connection is `closed`.
 */
export function wholeResponses(text: string, closed = false): number {
  let count = 0;
  for (let from = 0; from < text.length;) {
    const end = text.indexOf(BLANK_LINE, from);
    if (end < 0) break;
    const head = text.slice(from, end);
    const next = bodyEnd(text, head, end + BLANK_LINE.length);
    if (next === undefined || next > text.length) return closed ? count + 1 : count;
    from = next;
    if (!head.startsWith('HTTP/1.1 1')) count += 1;
  }
  return count;
}

/** Where the body of a response ends that begins at `from`; undefined: with the connection, or it is not whole. */
function bodyEnd(text: string, head: string, from: number): number | undefined {
  if (/^HTTP\/1\.1 (?:1|204|304)/.test(head)) return from;
  const length = /^Content-Length: (\d+)/im.exec(head)?.[1];
  if (length !== undefined) return from + Number(length);
  const last = /^Transfer-Encoding: chunked/im.test(head) ? text.indexOf('0\r\n\r\n', from) : -1;
  return last < 0 ? undefined : last + 5;
}
