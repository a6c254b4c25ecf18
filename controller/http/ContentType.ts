import { format, parse } from 'content-type';

/**
 * Media types as Apache OpenWhisk's HTTP server understands them. Actions get a *text* body as a string and a *binary*
 * body as base64. Of the types that OpenWhisk's server knows, only those listed here are text. An unknown type is text
 * only if it has a `charset`.
 */
export interface ContentType {
  /** `type/subtype` and the parameters other than `charset`, in the form of the header. */
  readonly mediaType: string;
  /** `type/subtype`. */
  readonly essence: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly binary: boolean;
  /** A text type with a variable charset, which the header names. Other types are binary or always UTF-8. */
  readonly openCharset: boolean;
  readonly charset: string | undefined;
}

const words = (text: string): string[] => text.trim().split(/\s+/);

const OPEN_CHARSET = new Set([
  ...words(`
    atom+xml base64 javascript problem+xml rss+xml soap+xml vnd.google-earth.kml+xml x-latex x-vrml xhtml+xml xml xml-dtd
  `).map((subtype) => `application/${subtype}`),
  ...words(`
    asp cache-manifest calendar css csv html markdown mcf plain richtext tab-separated-values uri-list vnd.wap.wml
    vnd.wap.wmlscript x-asm x-c x-component x-h x-java-source x-pascal x-script x-scriptcsh x-scriptelisp x-scriptksh
    x-scriptlisp x-scriptperl x-scriptperl-module x-scriptphyton x-scriptrexx x-scriptscheme x-scriptsh x-scripttcl
    x-scripttcsh x-scriptzsh x-server-parsed-html x-setext x-sgml x-speech x-uuencode x-vcalendar x-vcard xml
  `).map((subtype) => `text/${subtype}`),
]);

const ALWAYS_UTF8 = new Set([
  'application/json',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/problem+json',
  'application/vnd.api+json',
  'application/x-www-form-urlencoded',
  'text/event-stream',
]);

/** The other types that OpenWhisk's server knows. They are binary even with a `charset`. */
const KNOWN_BINARY_APPLICATIONS = new Set(
  words(`
    cbor excel font-woff gnutar grpc+proto java-archive lha lzx mspowerpoint msword octet-stream pdf postscript
    vnd.google-earth.kmz x-7z-compressed x-ace-compressed x-apple-diskimage x-arc-compressed x-bzip x-bzip2
    x-chrome-extension x-compress x-compressed x-debian-package x-dvi x-font-opentype x-font-truetype x-gtar x-gzip
    x-rar-compressed x-redhat-package-manager x-shockwave-flash x-tar x-tex x-texinfo x-x509-ca-cert x-xpinstall zip
  `),
);
const KNOWN_BINARY = /^(?:audio|video|image|font|message|multipart)\/|^application\/vnd\.(?:ms-|oasis\.|openxml)/;

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
// Quoted text must be safe in a header: no control characters and only Latin-1.
const QUOTED = '"(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"';
/** The grammar of RFC 9110 8.3.1. The library accepts values that violate it; OpenWhisk's server refuses them. */
const VALID = new RegExp(
  `^${TOKEN}[ \\t]*/${TOKEN}[ \\t]*(?:;[ \\t]*${TOKEN}[ \\t]*=[ \\t]*(?:${TOKEN}|${QUOTED})[ \\t]*)*$`,
);

/** Parses the value of a `Content-Type` header; undefined if it is not valid. */
export function parseContentType(value: string): ContentType | undefined {
  if (!VALID.test(value)) return undefined;
  const { type, parameters: given } = parse(value);
  const essence = type.replaceAll(/[ \t]/g, '');
  const { charset: name, ...others } = given;
  const charset = name === undefined ? undefined : canonicalCharset(name);
  const parameters = new Map(
    Object.entries(others).flatMap(([key, text]) => (text === undefined ? [] : [[key, text]])),
  );
  const openCharset = hasOpenCharset(essence, charset !== undefined);
  return {
    essence,
    parameters,
    mediaType: format({ type: essence, parameters: Object.fromEntries([...parameters].toSorted(byName)) }),
    binary: !openCharset && !ALWAYS_UTF8.has(essence),
    openCharset,
    charset: openCharset ? charset : undefined,
  };
}

const byName = ([a]: readonly [string, string], [b]: readonly [string, string]): number => (a < b ? -1 : 1);

/** Parses a valid content type. @throws Error if it is not valid. */
export function contentType(value: string): ContentType {
  const parsed = parseContentType(value);
  if (!parsed) throw new Error(`not a content type: ${value}`);
  return parsed;
}

function hasOpenCharset(essence: string, charsetGiven: boolean): boolean {
  if (OPEN_CHARSET.has(essence)) return true;
  if (!charsetGiven || ALWAYS_UTF8.has(essence) || KNOWN_BINARY.test(essence)) return false;
  return !(essence.startsWith('application/') && KNOWN_BINARY_APPLICATIONS.has(essence.slice('application/'.length)));
}

function canonicalCharset(name: string): string {
  const upper = name.toUpperCase();
  if (upper === 'UTF8') return 'UTF-8';
  return /^(?:UTF-|ISO-8859-|US-ASCII$|WINDOWS-)/.test(upper) ? upper.replace('WINDOWS-', 'windows-') : name;
}

/** The value for the header. */
export function renderContentType(type: ContentType): string {
  return type.charset === undefined ? type.mediaType : `${type.mediaType}; charset=${type.charset}`;
}

/** The content type for sending text of this type: always in UTF-8. */
export function inUtf8(type: ContentType): ContentType {
  return type.openCharset ? { ...type, charset: 'UTF-8' } : type;
}

/** Whether it is JSON or a type with the suffix `+json` (`application/hal+json`). */
export function isJsonFamily(type: ContentType): boolean {
  return type.mediaType === 'application/json' || type.mediaType.endsWith('+json');
}
