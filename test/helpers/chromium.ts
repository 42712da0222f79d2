/** A Chromium without a window. `scripts/browser.mjs` installs one where it can. */
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];

/** Path of the program; undefined if there is none. */
export function findChromium(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface OpenBrowser {
  /** What it said, when it has ended. */
  readonly ended: Promise<string>;
  close(): Promise<void>;
}

/** Opens a page. */
export function openPage(program: string, url: string): OpenBrowser {
  const profile = mkdtempSync(join(tmpdir(), 'mmfree-chromium-'));
  const options = [
    '--headless',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--remote-debugging-port=0',
  ];
  // Its sandbox does not start for root, as whom CI runs. The page is ours, from this computer.
  if (process.getuid?.() === 0) options.push('--no-sandbox');
  // A group of its own: its helper processes outlive it if it alone is ended.
  const child = spawn(program, [...options, `--user-data-dir=${profile}`, url], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(String(error)));
    child.on('exit', () => resolve(said));
  });
  const close = async (): Promise<void> => {
    // It may have ended by itself.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    await ended;
    child.stderr.destroy();
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  };
  return { ended, close };
}
