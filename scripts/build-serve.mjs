/**
 * What the service needs of others, as part of the package: each file of dist/serve/packages becomes a bundle of the
 * packages that it names, and licences.txt beside them says whose they are. Installed one by one they would be twenty
 * times as large.
 */
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './setup.mjs';

const folder = join(root, 'dist/serve/packages');
const names = readdirSync(folder).filter((name) => name.endsWith('.js'));

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: names.map((name) => join(folder, name)),
  outdir: folder,
  allowOverwrite: true,
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  metafile: true,
  legalComments: 'none',
  logLevel: 'warning',
  // For packages that are CommonJS and ask for modules of Node.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
});

const packages = new Map();
for (const path of Object.keys(metafile.inputs)) {
  const [, place, name] = /^(.*node_modules\/)((?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
  if (name !== undefined) packages.set(name, join(root, place, name));
}
const texts = [...packages.keys()]
  .toSorted((a, b) => a.localeCompare(b, 'en'))
  .map((name) => licenceOf(name, packages.get(name)));
writeFileSync(join(folder, 'licences.txt'), texts.join(`\n${'-'.repeat(80)}\n\n`));

// Of the page, what is no program.
const page = 'serve/page';
for (const name of readdirSync(join(root, page)).filter((file) => /\.(?:html|css|svg)$/.test(file))) {
  copyFileSync(join(root, page, name), join(root, 'dist', page, name));
}

function licenceOf(name, place) {
  const { version, license } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'));
  const file = readdirSync(place).find((entry) => /^licen[cs]e(?:\.(?:md|txt))?$/i.test(entry));
  const text = file !== undefined && existsSync(join(place, file)) ? readFileSync(join(place, file), 'utf8') : '';
  return `${name} ${version} (${license})\n\n${text.trim()}\n`;
}
