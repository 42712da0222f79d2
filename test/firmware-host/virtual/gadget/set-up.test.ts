import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../../../firmware-host/virtual/gadget/set-up.sh', import.meta.url));

describe('the set-up of a gadget board', () => {
  it('says what it would write and run, and does nothing, with --dry-run', () => {
    const { status, stdout } = spawnSync('sh', [SCRIPT, '--dry-run'], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toContain('write /etc/systemd/system/mmfree-board.service:');
    expect(stdout).toMatch(/ExecStart=\/\S*node \/\S*\/dist\/cli\/main\.js virtual-board --gadget /);
    expect(stdout).not.toMatch(/@[A-Z]+@/);
    expect(stdout).toContain('run: systemctl enable --now mmfree-board.service');
  });

  it('refuses options that it does not know', () => {
    const { status, stderr } = spawnSync('sh', [SCRIPT, '--yes'], { encoding: 'utf8' });
    expect([status, stderr.split('\n').length]).toEqual([2, 3]);
  });
});
