import { imageReference, parseImageName } from '../../../shared/runtimes/image.js';
import type { ContainerImage } from '../ContainerDriver.js';

/** A registry of images. */
export interface Registry {
  /** Such as `registry.example.com:5000/` or `registry.example.com/team`; empty: the engine's default registry. */
  readonly url: string;
  readonly credentials?: { readonly user: string; readonly password: string } | undefined;
}

/** Where images without a registry in their name come from. */
export interface Registries {
  /** For the images of the runtimes manifest. */
  readonly runtimes: Registry;
  /** For users' own images. */
  readonly users: Registry;
}

export const NO_REGISTRIES: Registries = { runtimes: { url: '' }, users: { url: '' } };

/** The image with its registry. An image that names a registry, and one that is built locally, stay unchanged. */
export function inRegistry(image: ContainerImage, registries: Registries, localImagePrefix: string): ContainerImage {
  const { url } = image.pull ? registries.users : registries.runtimes;
  const name = parseImageName(image.reference);
  if (url === '' || !name || name.registry !== undefined || name.prefix === localImagePrefix) return image;
  return { ...image, reference: imageReference(name, url) };
}

/** The credentials of a registry in the engine's format. */
interface RegistryLogin {
  readonly username: string;
  readonly password: string;
  readonly serveraddress: string;
}

/** The credentials for a pull: those of the registry that the image's name begins with. */
export function credentialsFor(reference: string, { runtimes, users }: Registries): RegistryLogin | undefined {
  for (const { url, credentials } of [runtimes, users]) {
    const prefix = url.endsWith('/') ? url : `${url}/`;
    if (credentials === undefined || url === '' || !reference.startsWith(prefix)) continue;
    const [serveraddress = url] = url.split('/');
    return { username: credentials.user, password: credentials.password, serveraddress };
  }
  return undefined;
}
