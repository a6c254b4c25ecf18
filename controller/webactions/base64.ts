/** The bytes of a base64 text; undefined where it is none. Padding may be left out; blanks and line breaks may not be in it. */
export function decodeBase64(text: string): Buffer | undefined {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padding;
  if (digits % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return undefined;
  // Node takes the URL alphabet as well, and skips what it does not know: that shows in the length.
  if (text.includes('-') || text.includes('_')) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === Math.floor((digits * 3) / 4) ? bytes : undefined;
}

/** Whether a text is base64 with all of its padding, blanks around it aside. */
export function looksLikeBase64(text: string): boolean {
  const trimmed = text.trim();
  return trimmed !== '' && trimmed.length % 4 === 0 && decodeBase64(trimmed) !== undefined;
}
