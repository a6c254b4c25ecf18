/** Decodes base64; undefined if the text is not valid. Padding is optional; whitespace is not allowed. */
export function decodeBase64(text: string): Buffer | undefined {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padding;
  if (digits % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return undefined;
  // Node accepts the URL alphabet, too, and skips invalid characters: then the length differs.
  if (text.includes('-') || text.includes('_')) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === Math.floor((digits * 3) / 4) ? bytes : undefined;
}

/** Whether a text is base64 with full padding. Ignores surrounding whitespace. */
export function looksLikeBase64(text: string): boolean {
  const trimmed = text.trim();
  return trimmed !== '' && trimmed.length % 4 === 0 && decodeBase64(trimmed) !== undefined;
}
