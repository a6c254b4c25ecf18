/** The images that are built on this machine instead of pulled from a registry. */
export interface LocalImages {
  /** Why an image that the engine lacks cannot be built, with the remedy; undefined if a container gets it in time. */
  missing(reference: string): Promise<string | undefined>;
  /** Resolves when the engine has the newest build of an image. Rejects with a `ContainerStartError` if it cannot. */
  ready(reference: string): Promise<void>;
}

/** Images that the operator builds with `npm run runtimes`. */
export const BUILT_BY_HAND: LocalImages = {
  missing: async (reference) => `the image ${reference} is not here; \`npm run runtimes\` builds it`,
  ready: async () => undefined,
};
