/** The image of `nodejs:20` in the default manifest. */
export const RUNTIME_IMAGE = 'palette-whisk/action-nodejs:local';
/** The images of the kinds of Node.js in the default manifest. */
export const NODE_IMAGES: ReadonlyArray<{ readonly reference: string; readonly major: number }> = [
  { reference: RUNTIME_IMAGE, major: 20 },
  { reference: 'palette-whisk/action-nodejs-v22:local', major: 22 },
  { reference: 'palette-whisk/action-nodejs-v24:local', major: 24 },
];

/** The image of any executable, which stands in for OpenWhisk's `dockerskeleton`. */
export const NATIVE_IMAGE = 'palette-whisk/action-native:local';
/** OpenWhisk's image of any executable, which `wsk action create --native` names. */
export const SKELETON_IMAGE = 'openwhisk/dockerskeleton';

/** The parts of a container image's name: `registry/prefix/name:tag@digest`. Only `name` is mandatory. */
export interface ImageName {
  readonly name: string;
  readonly registry?: string | undefined;
  readonly prefix?: string | undefined;
  readonly tag?: string | undefined;
  readonly digest?: string | undefined;
}

// Docker's grammar of references. The first part is a registry if it has a dot or a port; otherwise it belongs to the
// path.
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_{1,2}|-+)[a-z0-9]+)*';
const LABEL = '[a-zA-Z0-9-]+';
const DOMAIN = `${LABEL}(?:\\.${LABEL})+(?::[0-9]+)?|${LABEL}(?:\\.${LABEL})*:[0-9]+`;
const TAG = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';
const DIGEST = '[A-Za-z0-9]+(?:[+._-][A-Za-z0-9]+)*:[0-9a-fA-F]{32,}';
const REFERENCE = new RegExp(`^(?:(${DOMAIN})/)?((?:${COMPONENT}/)*)(${COMPONENT})(?::(${TAG}))?(?:@(${DIGEST}))?$`);

/** The longest name in characters. Docker allows 255 for the name, 128 for the tag, and a digest. */
const MAX_LENGTH = 1000;

/** Parses an image's name in the form of `docker pull`; undefined if it is not valid. */
export function parseImageName(text: string): ImageName | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const match = REFERENCE.exec(text);
  const name = match?.[3];
  if (!match || name === undefined) return undefined;
  return {
    name,
    registry: match[1],
    prefix: match[2] ? match[2].slice(0, -1) : undefined,
    tag: match[4],
    digest: match[5],
  };
}

/** The name for `docker pull`. @param defaultRegistry the registry if the name has none. */
export function imageReference(image: ImageName, defaultRegistry = ''): string {
  const registry = image.registry ?? defaultRegistry;
  const slash = registry === '' || registry.endsWith('/') ? '' : '/';
  const prefix = image.prefix ? `${image.prefix}/` : '';
  const tag = image.tag ? `:${image.tag}` : '';
  const digest = image.digest ? `@${image.digest}` : '';
  return `${registry}${slash}${prefix}${image.name}${tag}${digest}`;
}

/** Whether an image runs any executable: OpenWhisk's `dockerskeleton` with any tag, or ours. */
export function isSkeleton(reference: string): boolean {
  return reference === NATIVE_IMAGE || reference === SKELETON_IMAGE || reference.startsWith(`${SKELETON_IMAGE}:`);
}

/** Whether two names refer to the same image. A missing tag means `latest`. */
export function sameImage(a: ImageName, b: ImageName): boolean {
  return (
    a.name === b.name &&
    (a.registry ?? '') === (b.registry ?? '') &&
    (a.prefix ?? '') === (b.prefix ?? '') &&
    (a.tag ?? 'latest') === (b.tag ?? 'latest') &&
    a.digest === b.digest
  );
}
