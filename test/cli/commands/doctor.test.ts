import { mkdir, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { COMMANDS, mmfree, mmfreeJson, startBoard, TALES_IMAGE, temporaryFolder } from '../../helpers/command-line.js';
import { kernels } from '../../../cli/work/doctor/model.js';
import { hasGpu } from '../../helpers/gpu.js';
import { FakeProcess } from '../../helpers/fake-host.js';

const path = temporaryFolder();

beforeEach(() => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('doctor', () => {
  it('finds this computer well, with a line for each check', async () => {
    const { exit, events, result } = await mmfreeJson('doctor');
    const checks = events.filter(({ type }) => type === 'check');
    expect(checks.map(({ name }) => name)).toEqual([
      'node',
      'model',
      'cpu',
      'temporary folder',
      'serial ports',
      'pseudo-terminal',
      'file locks',
      'gpu',
      'usb',
      'udev rule',
      'groups',
      'drivers',
      'boards',
    ]);
    expect(checks.filter(({ state }) => state === 'fail')).toEqual([]);
    expect([exit, result['failures']]).toEqual([0, 0]);
  });

  it('shows the GPU with what it offers, or why there is none', async () => {
    const { events } = await mmfreeJson('doctor');
    const text = String(events.find(({ name }) => name === 'gpu')?.['text']);
    const found = /subgroups.*buffers to [\d,]+ MiB.*KiB a workgroup; holds every part/;
    expect(text).toMatch(hasGpu ? found : /^(none|no GPU found): /);
  });

  it('shows which kernels the processor has, and why not all', async () => {
    const { events } = await mmfreeJson('doctor');
    const text = String(events.find(({ name }) => name === 'cpu')?.['text']);
    expect(text).toMatch(/^\d+ tokens\/s with the same bits; kernels /);
    expect(kernels(['relaxed16', 'baseline'], '11.3.244.8')).toMatch(
      /^kernels relaxed16, baseline \(not relaxed32: V8 11 .*\) \(not wide16, wide32: .*AVX2\), cores: \d+$/,
    );
    expect(kernels(['wide16', 'wide32', 'baseline'], '13.6.233.17')).toMatch(
      /^kernels wide16, wide32, baseline, cores: \d+$/,
    );
  });

  it('shows the boards that answer', async () => {
    const board = await startBoard('--image', TALES_IMAGE, '--serial-number', 'T-1');
    const { stdout } = await mmfree('doctor');
    expect(stdout.lines.at(-1)).toBe(`ok    boards            ${board.selector}: virtual T-1, tales-9m, idle`);
    await board.stop();
  });

  it('fails for a board that does not answer, with its exit code', async () => {
    await mkdir(path('boards'), { recursive: true });
    const entry = { pid: process.pid, serial: 'X', addresses: ['tcp:127.0.0.1:1'] };
    await writeFile(path('boards/x.json'), JSON.stringify(entry));
    const { exit, events, result } = await mmfreeJson('doctor');
    await rm(path('boards/x.json'));
    expect([exit, result['failures']]).toEqual([3, 1]);
    expect(events.find(({ name }) => name === 'boards')).toMatchObject({
      state: 'fail',
      text: expect.stringContaining('tcp:127.0.0.1:1'),
    });
  });

  it('only warns of a board that somebody is using', async () => {
    const board = await startBoard('--image', TALES_IMAGE);
    const holder = new FakeProcess();
    const first = new Promise<void>((resolve) => holder.stdout.onWrite(resolve));
    const run = holder.run(COMMANDS, 'run', '--board', board.selector, '--max-tokens', '5000', 'Once');
    await first;
    const { exit, events, result } = await mmfreeJson('doctor');
    holder.interrupt();
    await run;
    expect([exit, result['failures']]).toEqual([0, 0]);
    expect(events.find(({ name }) => name === 'boards')).toMatchObject({ state: 'warn' });
    await board.stop();
  });

  it('ends with the exit code of the first failure, and says how to mend it', async () => {
    vi.stubEnv('TMPDIR', path('nowhere'));
    const { exit, result } = await mmfreeJson('doctor');
    expect(exit).toBe(2);
    expect(result).toMatchObject({ failures: expect.any(Number), error: { code: 'doctor-failed' } });
    const { stdout, stderr } = await mmfree('doctor');
    expect(stdout.text).toContain('fail  temporary folder');
    expect(stderr.lines.map((line) => line.slice(0, 6))).toEqual(['error:', 'cause:', 'fix:  ']);
    expect(stderr.lines[1]).toMatch(/with ENOENT\.$/);
    expect(stderr.lines[1]).not.toContain('..');
  });
});
