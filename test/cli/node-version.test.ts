import { expect, it } from 'vitest';
import { EXIT } from '../../cli/exit-codes.js';
import { nodeProblem, OLDEST_NODE } from '../../cli/node-version.js';
import manifest from '../../package.json' with { type: 'json' };

it.each(['20.19.0', '20.20.2', '22.0.0', '24.11.1', '100.0.0'])('takes Node %s', (version) => {
  expect(nodeProblem(version, [])).toBeUndefined();
});

it.each(['0.12.18', '12.22.12', '18.20.4', '20.18.3'])('refuses Node %s, in words and as JSON', (version) => {
  const inWords = nodeProblem(version, ['run']);
  expect(inWords).toMatchObject({ isJson: false, exit: EXIT.noTool });
  expect(inWords?.text).toMatch(new RegExp(`^error: mmfree needs Node .*\ncause: This is Node ${version}\\.\nfix: `));
  const { isJson, text } = nodeProblem(version, ['--json', 'run']) ?? {};
  expect(isJson).toBe(true);
  const events = text
    ?.trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(events).toMatchObject([{ type: 'hello' }, { type: 'result', exit: 19, error: { code: 'node-too-old' } }]);
});

it('says what package.json says', () => {
  expect(manifest.engines.node).toBe(`>=${OLDEST_NODE.join('.')}`);
});
