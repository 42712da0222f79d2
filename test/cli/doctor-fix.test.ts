import { afterEach, describe, expect, it, vi } from 'vitest';
import { applyRule, installRule, ruleState } from '../../cli/work/doctor/udev-rule.js';
import { mmfree, mmfreeJson, temporaryFolder } from '../helpers/command-line.js';

vi.mock(import('../../cli/work/doctor/udev-rule.js'), async (original) => ({
  ...(await original()),
  ruleState: vi.fn<typeof ruleState>(),
  installRule: vi.fn<typeof installRule>(),
  applyRule: vi.fn<typeof applyRule>(),
}));

const path = temporaryFolder();
const PATH = '/etc/udev/rules.d/70-mmfree.rules';

function given(state: ReturnType<typeof ruleState>['state'], uid: number, isApplied = true): void {
  vi.mocked(ruleState).mockReturnValue({ state, path: PATH });
  vi.mocked(installRule).mockReset().mockReturnValue(PATH);
  vi.mocked(applyRule).mockReset().mockReturnValue(isApplied);
  // It used to look at the boards that this user runs, and to fail with them.
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
  vi.spyOn(process, 'getuid').mockReturnValue(uid);
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

describe.skipIf(process.platform !== 'linux')('doctor --fix', () => {
  it('installs the rule, and says exactly what it has written and run', async () => {
    given('missing', 0);
    const { exit, stdout } = await mmfree('doctor', '--fix');
    expect(exit).toBe(0);
    expect(stdout.text).toContain(`wrote ${PATH}:\n  # mmfree boards (USB 1209:0001)`);
    expect(stdout.text).toContain('ran udevadm control --reload\n');
    expect(vi.mocked(installRule)).toHaveBeenCalledOnce();
    given('other-version', 0, false);
    const { events } = await mmfreeJson('doctor', '--fix');
    expect(events.find(({ type }) => type === 'fixed')).toMatchObject({
      path: PATH,
      text: expect.stringContaining('ID_MM_DEVICE_IGNORE'),
      applied: false,
    });
  });

  it('needs root, and says the command', async () => {
    given('missing', 1000);
    const { exit, result } = await mmfreeJson('doctor', '--fix');
    expect([exit, result['error']]).toEqual([
      4,
      expect.objectContaining({ code: 'needs-root', fix: expect.stringMatching(/`sudo \S+ \S+ doctor --fix`/) }),
    ]);
    expect(vi.mocked(installRule)).not.toHaveBeenCalled();
  });

  it('writes nothing when the rule is there, and needs no root for that', async () => {
    given('installed', 1000);
    expect((await mmfree('doctor', '--fix')).exit).toBe(0);
    expect(vi.mocked(installRule)).not.toHaveBeenCalled();
  });

  it('is what doctor advises where the rule is missing', async () => {
    given('missing', 1000);
    const { events } = await mmfreeJson('doctor');
    expect(events.find(({ name }) => name === 'udev rule')).toMatchObject({
      state: 'warn',
      fix: 'sudo mmfree doctor --fix',
    });
  });
});
