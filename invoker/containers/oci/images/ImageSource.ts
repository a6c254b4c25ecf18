import type { ContainerImage } from '../../ContainerDriver.js';

/** The part of an image's configuration that its containers need, as both Docker's API and OCI's format name it. */
export interface SourceConfig {
  readonly Entrypoint?: readonly string[] | string | null | undefined;
  readonly Cmd?: readonly string[] | null | undefined;
  /** As `NAME=VALUE`. */
  readonly Env?: readonly string[] | null | undefined;
  readonly WorkingDir?: string | null | undefined;
  /** As `USER[:GROUP]`. */
  readonly User?: string | null | undefined;
}

/** An image that a source has. */
export interface SourceImage {
  /** The digest of its configuration, which names its content, without `sha256:`. */
  readonly id: string;
  /** For the log. */
  readonly name: string;
  readonly config: SourceConfig;
  /** Writes all files of the image into an empty folder. @throws Error */
  unpack(folder: string): Promise<void>;
}

/** Where images come from. */
export interface ImageSource {
  /** The image; undefined if the source does not have it. @throws ContainerStartError */
  find(image: ContainerImage): Promise<SourceImage | undefined>;
  /** Whether it has, or may have, the image with this id. */
  has(id: string): Promise<boolean>;
  /** Removes what an earlier run left. Never rejects. */
  removeLeftovers(): Promise<void>;
  /** To be called when no image is asked for any more. */
  close?(): void;
}
