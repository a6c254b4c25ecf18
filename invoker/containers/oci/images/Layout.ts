import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import { codeOf, messageOf } from '../../../../shared/errors/reasons.js';
import { parseImageName } from '../../../../shared/runtimes/image.js';
import { applyLayer, IMPLICIT_MODE } from './applyLayer.js';
import type { SourceImage } from './ImageSource.js';
import { unpackTar } from './tar.js';
import { schemaMistake } from '../../../../shared/errors/schemaMistake.js';

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const descriptor = z.object({
  mediaType: z.string().optional(),
  digest: z.string().regex(DIGEST, 'only sha256 is supported'),
  annotations: z.record(z.string(), z.string()).optional(),
  platform: z.object({ os: z.string(), architecture: z.string() }).optional(),
});
type Descriptor = z.infer<typeof descriptor>;
const index = z.object({ manifests: z.array(descriptor) });
const manifest = z.object({ config: descriptor, layers: z.array(descriptor) });
const list = z.array(z.string()).nullish();
const config = z.object({
  config: z
    .object({
      Entrypoint: list,
      Cmd: list,
      Env: list,
      WorkingDir: z.string().nullish(),
      User: z.string().nullish(),
    })
    .default({}),
});

/** The largest JSON document of an image, in bytes. */
const MAX_JSON = 4 * 1024 * 1024;
/** The deepest index in an index. */
const MAX_DEPTH = 4;
/** The annotations with an image's name: OCI's, which may be a tag alone, and that of containerd and Docker. */
const REF_NAME = 'org.opencontainers.image.ref.name';
const CONTAINERD_NAME = 'io.containerd.image.name';

/** A layout is damaged, or has a part that is not supported. */
class LayoutError extends Error {
  override readonly name = 'LayoutError';
}

/**
 * Images in a folder of OCI's format: `index.json` and `blobs/sha256`, as `skopeo copy docker://… oci:FOLDER:NAME`, `buildah push` and
 * `docker save` of Docker 25 write it. See https://github.com/opencontainers/image-spec/blob/main/image-layout.md. Each file
 * is compared with its digest when it is read.
 */
export class Layout {
  readonly #folder: string;

  /** @param folder with `index.json`. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * The image of a name, for this machine's architecture; undefined if the layout has none. Reads the index each time,
   * since a newer image may have come.
   * @throws LayoutError
   */
  async find(reference: string, architecture: string = process.arch): Promise<SourceImage | undefined> {
    const { manifests } = await this.#json(join(this.#folder, 'index.json'), index);
    const wanted = canonical(reference);
    const named = manifests.filter(({ annotations = {} }) =>
      [annotations[CONTAINERD_NAME], annotations[REF_NAME]].some(
        (name) => name !== undefined && canonical(name) === wanted,
      ),
    );
    const [first] = named;
    if (!first) return undefined;
    const found = await this.#manifest(named, architecture, 0);
    const read = await this.#json(this.#blob(found.config), config, found.config.digest);
    return {
      id: found.config.digest.slice('sha256:'.length),
      name: reference,
      config: read.config,
      unpack: (folder) => this.#unpack(found.layers, folder),
    };
  }

  /** Whether it has the configuration with this id, and so perhaps its image. Never rejects. */
  async has(id: string): Promise<boolean> {
    return stat(this.#blob({ digest: `sha256:${id}` })).then(
      () => true,
      (error: unknown) => codeOf(error) !== 'ENOENT',
    );
  }

  /** The manifest for this machine, by way of indexes of several architectures. */
  async #manifest(
    choices: readonly Descriptor[],
    architecture: string,
    depth: number,
  ): Promise<z.infer<typeof manifest>> {
    const own = architecture === 'x64' ? 'amd64' : architecture;
    const chosen =
      choices.find(({ platform }) => platform?.os === 'linux' && platform.architecture === own) ??
      choices.find(({ platform }) => platform === undefined);
    if (!chosen) throw new LayoutError(`the layout ${this.#folder} has no image for linux/${own}`);
    const read = await this.#json(this.#blob(chosen), z.union([manifest, index]), chosen.digest);
    if ('layers' in read) return read;
    if (depth >= MAX_DEPTH) throw new LayoutError(`the layout ${this.#folder} has too many indexes in each other`);
    return this.#manifest(read.manifests, architecture, depth + 1);
  }

  async #unpack(layers: readonly Descriptor[], folder: string): Promise<void> {
    for (const layer of layers) {
      const blob = this.#blob(layer);
      const hash = createHash('sha256');
      await pipeline(createReadStream(blob), hash);
      this.#check(hash.digest('hex'), layer.digest);
      // Beside the folder, and so on its file system.
      const part = await mkdtemp(`${folder}-layer-`);
      try {
        // Each layer by itself: an archive cannot write through the links of another.
        await unpackTar(blob, part, IMPLICIT_MODE);
        await applyLayer(part, folder);
      } finally {
        await rm(part, { recursive: true, force: true });
      }
    }
  }

  #blob({ digest }: Descriptor): string {
    return join(this.#folder, 'blobs', ...digest.split(':'));
  }

  #check(found: string, digest: string): void {
    if (`sha256:${found}` !== digest) throw new LayoutError(`the layout ${this.#folder} is damaged: ${digest}`);
  }

  /** Reads a document. @throws LayoutError */
  async #json<T>(path: string, schema: z.ZodType<T>, digest?: string): Promise<T> {
    let bytes: Buffer;
    try {
      if ((await stat(path)).size > MAX_JSON) throw new Error('it is too large');
      bytes = await readFile(path);
    } catch (error) {
      throw new LayoutError(`${path} cannot be read: ${messageOf(error)}`, { cause: error });
    }
    if (digest !== undefined) this.#check(createHash('sha256').update(bytes).digest('hex'), digest);
    try {
      return schema.parse(JSON.parse(bytes.toString()));
    } catch (error) {
      const reason = error instanceof z.ZodError ? schemaMistake(error) : messageOf(error);
      throw new LayoutError(`${path} is not a document of an OCI layout: ${reason}`, { cause: error });
    }
  }
}

/**
 * A name in one form: `docker.io/library/node:20`, `library/node:20` and `node:20` are the same, and a missing tag is
 * `latest`. A tag alone, as some programs write it, stays as it is.
 */
function canonical(reference: string): string {
  const short = reference.replace(/^(index\.)?docker\.io\//, '').replace(/^library\//, '');
  const name = parseImageName(short);
  return name && name.tag === undefined && name.digest === undefined ? `${short}:latest` : short;
}

/** Opens a layout: a folder, or an archive, which is unpacked into `scratch` first. @throws LayoutError */
export async function openLayout(path: string, scratch: string): Promise<Layout> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(path)).isDirectory();
  } catch (error) {
    throw new LayoutError(`the layout ${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  if (isFolder) return new Layout(path);
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(scratch, 'layout-'));
  try {
    await unpackTar(path, folder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw new LayoutError(`the layout ${path} cannot be unpacked: ${messageOf(error)}`, { cause: error });
  }
  return new Layout(folder);
}
