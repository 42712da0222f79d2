/** The files for those who run the service: systemd understands its unit, and both are in the package. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../helpers/command-line.js';

const path = temporaryFolder();
const UNIT = readFileSync(new URL('../../examples/service/mmfree.service', import.meta.url), 'utf8');
const hasSystemd = spawnSync('systemd-analyze', ['--version']).error === undefined;

// It ends with 0 also where it does not know a key: what it prints counts.
it.skipIf(!hasSystemd)('systemd has nothing to say against the unit', () => {
  const verify = (unit: string): string => {
    writeFileSync(path('mmfree.service'), unit.replaceAll('/usr/local/bin/mmfree', process.execPath));
    const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', path('mmfree.service')], { encoding: 'utf8' });
    return `${stdout}${stderr}`;
  };
  expect(verify(UNIT)).toBe('');
  expect(verify(UNIT.replace('NotifyAccess', 'NotifyAcess'))).toContain('NotifyAcess');
});

it('both are in the package', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
  });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const names = files.map((file) => file.path);
  expect(names).toEqual(expect.arrayContaining(['examples/service/mmfree.service', 'examples/service/Containerfile']));
});
