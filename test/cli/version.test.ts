import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { VERSION } from '../../protocol/version.js';

it('is the version of package.json', () => {
  const json = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  expect(JSON.parse(json)).toMatchObject({ version: VERSION });
});
