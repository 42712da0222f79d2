/** Images on this computer that nobody has to name: those of the program, and the user's own. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { modelsFolder } from '../model/cache-folder.js';
import { ImageFile } from '../model/image-file.js';
import { packageFile } from '../model/package-file.js';
import { ImageError } from '../protocol/image/image-error.js';
import { sameBytes } from '../protocol/little-endian.js';
import { SHIPPED_IMAGE } from './shipped.js';

export interface KnownImage {
  readonly where: 'shipped' | 'folder';
  readonly path: string;
}

/** The shipped ones first; of the folder what is called an image. */
export function knownImages(): readonly KnownImage[] {
  const shipped = [SHIPPED_IMAGE, packageFile('models/tales-4m/tales-4m.mmfree')];
  const folder = modelsFolder(process.env);
  const names = namesIn(folder).filter((name) => name.endsWith('.mmfree'));
  return [
    ...shipped.map((path) => ({ where: 'shipped', path }) as const),
    ...names.map((name) => ({ where: 'folder', path: join(folder, name) }) as const),
  ];
}

/** The known image that says that it has this seal; its head is read, not checked. */
export function knownImageOf(sha256: Uint8Array): string | undefined {
  return knownImages().find(({ path }) => hasSeal(path, sha256))?.path;
}

function hasSeal(path: string, sha256: Uint8Array): boolean {
  try {
    const image = ImageFile.open(path);
    image.close();
    return sameBytes(image.view.seal.sha256, sha256);
  } catch (error) {
    // Of what else is in the folder.
    if (error instanceof ImageError) return false;
    throw error;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    // Most people have none.
    return [];
  }
}
