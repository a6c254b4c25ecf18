import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** An image for a layout. */
export interface LayoutImage {
  /** Its annotations with its name. */
  readonly names: Readonly<Record<string, string>>;
  /** The folders of its layers' files, from the lowest on, or archives of them. */
  readonly layers: readonly string[];
  /** The `config` of its configuration. */
  readonly config: object;
  /** Missing: the manifest is in the index itself. Otherwise it is in an index of its own, for this architecture. */
  readonly architecture?: string | undefined;
}

/** Writes an OCI layout, as programs that save images do. Layers from folders are compressed. */
export function writeLayout(folder: string, images: readonly LayoutImage[]): void {
  const blobs = join(folder, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const blob = (bytes: Buffer, mediaType: string) => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (value: object, kind: string) =>
    blob(Buffer.from(JSON.stringify(value)), `application/vnd.oci.image.${kind}+json`);
  const layer = (path: string) => {
    const media = 'application/vnd.oci.image.layer.v1.tar';
    if (path.endsWith('.tar')) return blob(readFileSync(path), media);
    const archive = join(folder, 'layer.tar.gz');
    execFileSync('tar', ['-czf', archive, '-C', path, '.']);
    return blob(readFileSync(archive), `${media}+gzip`);
  };
  const manifests = images.map(({ names, layers, config, architecture }) => {
    const manifest = json(
      { schemaVersion: 2, config: json({ os: 'linux', config }, 'config.v1'), layers: layers.map(layer) },
      'manifest.v1',
    );
    if (architecture === undefined) return { ...manifest, annotations: names };
    const other = { ...manifest, digest: `sha256:${'0'.repeat(64)}`, platform: { os: 'linux', architecture: 's390x' } };
    const own = { ...manifest, platform: { os: 'linux', architecture } };
    return { ...json({ schemaVersion: 2, manifests: [other, own] }, 'index.v1'), annotations: names };
  });
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}
