import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { installRule, ruleState, ruleText } from '../../cli/work/doctor/udev-rule.js';
import { bootModeOf, isFtdi, OUR_PRODUCT, OUR_VENDOR } from '../../device/usb/ids.js';
import { SHORTEST_LATENCY_MS } from '../../device/usb/latency-timer.js';
import { temporaryFolder } from '../helpers/command-line.js';

const path = temporaryFolder();

describe('the udev rule', () => {
  it('is for our boards, Picos in boot mode and FPGA boards, and keeps ModemManager away', () => {
    const rules = ruleText()
      .split('\n')
      .filter((line) => line.startsWith('SUBSYSTEM'));
    const fields = rules.map((line) => {
      const [, subsystem, vendor, product] =
        /^SUBSYSTEM=="(\w+)".*ATTRS?\{idVendor\}=="(.*?)".*ATTRS?\{idProduct\}=="(.*?)"/.exec(line) ?? [];
      return [subsystem, vendor, product];
    });
    const hex4 = (id: number): string => id.toString(16).padStart(4, '0');
    const ours = [hex4(OUR_VENDOR), hex4(OUR_PRODUCT)];
    expect(fields).toEqual([
      ['usb', ...ours],
      ['tty', ...ours],
      ['usb', '2e8a', '0003|000f'],
      ['usb', '0403', '6010|6014'],
    ]);
    for (const product of [0x6010, 0x6014]) expect(isFtdi({ vendor: 0x0403, product })).toBe(true);
    for (const product of [0x0003, 0x000f]) expect(bootModeOf({ vendor: 0x2e8a, product })).toBeDefined();
    for (const rule of rules) {
      expect(rule).toContain('TAG+="uaccess"');
      expect(rule).toContain('GROUP="plugdev"');
      expect(rule).toContain('ENV{ID_MM_DEVICE_IGNORE}="1"');
    }
  });

  it('sets the latency timer of FPGA boards to the shortest', () => {
    const rule = ruleText()
      .split('\n')
      .find((line) => line.includes('latency_timer'));
    expect(rule).toContain('SUBSYSTEM=="usb-serial"');
    expect(rule).toContain('ATTRS{idVendor}=="0403", ATTRS{idProduct}=="6010|6014"');
    expect(rule).toContain(`ATTR{latency_timer}="${SHORTEST_LATENCY_MS}"`);
  });

  it('is installed whole, and known again; the first folder counts', () => {
    const folders = [path('etc'), path('lib')];
    expect(ruleState(folders)).toEqual({ state: 'missing', path: path('etc/70-mmfree.rules') });
    expect(installRule(path('lib'))).toBe(path('lib/70-mmfree.rules'));
    expect(ruleState(folders)).toEqual({ state: 'installed', path: path('lib/70-mmfree.rules') });
    mkdirSync(path('etc'));
    writeFileSync(path('etc/70-mmfree.rules'), '# of another version\n');
    expect(ruleState(folders)).toEqual({ state: 'other-version', path: path('etc/70-mmfree.rules') });
    installRule(path('etc'));
    expect(ruleState(folders)).toMatchObject({ state: 'installed' });
  });

  it('does not write through a link that lies in its way', () => {
    mkdirSync(path('linked'));
    writeFileSync(path('victim'), 'mine');
    symlinkSync(path('victim'), path('linked/70-mmfree.rules.new'));
    installRule(path('linked'));
    expect(readFileSync(path('victim'), 'utf8')).toBe('mine');
    expect(readFileSync(path('linked/70-mmfree.rules'), 'utf8')).toBe(ruleText());
  });
});
