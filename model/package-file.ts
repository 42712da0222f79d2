/** Files that come with the package: models, the gateware, the udev rule. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json: above the sources, which tests run, and above `dist/`, however deep a module lies. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** Path of a file that comes with the package. @param name relative to package.json, such as `models/NOTICE.md` */
export function packageFile(name: string): string {
  return join(packageRoot(), name);
}
