/**
 * `npm run api`: writes the reference of the library, docs/api/README.md, from the docstrings in the compiled
 * declarations. With `--check` it only compares, and fails where the document is older than the code.
 *
 * Either way it fails if something that is exported, or a parameter of it, has no docstring. The document is checked
 * in: it is read where the code is, and a change of the interface shows in the review of a change.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { Application } from 'typedoc';

const root = fileURLToPath(new URL('../..', import.meta.url));
const document = join(root, 'docs/api/README.md');
const declarations = join(root, 'dist/library/mmfree.d.ts');

/** What has to have a docstring. */
const DOCUMENTED = 'Class Interface TypeAlias Variable Function Property Method Accessor Constructor Parameter'.split(
  ' ',
);

const HEAD = `# The library

Written by \`npm run api\` from the docstrings: change those. What it is for, and examples, are in
[the guide](../guides/library.md).
`;

if (!existsSync(declarations)) fail('there are no declarations yet: run `npm run build` first');
const folder = mkdtempSync(join(tmpdir(), 'mmfree-api-'));
try {
  const made = await format(`${HEAD}\n${await reference(folder)}`, {
    ...(await resolveConfig(document)),
    parser: 'markdown',
  });
  if (!process.argv.includes('--check')) writeFileSync(document, made);
  else if (!existsSync(document) || readFileSync(document, 'utf8') !== made) {
    fail('docs/api/README.md is not what the docstrings say: run `npm run api`, and commit it');
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** One page, without a title. Ends this process where a docstring is missing. */
async function reference(out) {
  const application = await Application.bootstrapWithPlugins({
    entryPoints: [declarations],
    tsconfig: fileURLToPath(new URL('tsconfig.json', import.meta.url)),
    plugin: ['typedoc-plugin-markdown'],
    outputs: [{ name: 'markdown', path: out }],
    readme: 'none',
    // What the declarations mean was checked where they were made, by another TypeScript.
    skipErrorChecking: true,
    disableSources: true,
    disableGit: true,
    excludePrivate: true,
    excludeExternals: true,
    sort: ['source-order'],
    groupOrder: ['Functions', 'Variables', 'Interfaces', 'Type Aliases', 'Classes'],
    validation: { notExported: true, invalidLink: true, notDocumented: true, rewrittenLink: true },
    requiredToBeDocumented: DOCUMENTED,
    treatWarningsAsErrors: true,
    treatValidationWarningsAsErrors: true,
    logLevel: 'Warn',
    outputFileStrategy: 'modules',
    // The plugin's idea of the anchors of headings is wrong where two differ in case only.
    useHTMLAnchors: true,
    hidePageHeader: true,
    hideBreadcrumbs: true,
    hidePageTitle: true,
    useCodeBlocks: true,
    tableColumnSettings: { hideModifiers: true, hideInherited: true },
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    propertyMembersFormat: 'table',
    typeDeclarationFormat: 'table',
  });
  const project = await application.convert();
  if (project !== undefined) application.validate(project);
  if (project === undefined || application.logger.hasErrors() || application.logger.hasWarnings()) {
    fail('the reference is not complete: mend the docstrings that are named above');
  }
  await application.generateOutputs(project);
  return readFileSync(join(out, 'README.md'), 'utf8');
}

function fail(why) {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}
