/**
 * A GPU for tests on a computer without one: SwiftShader, which computes Vulkan on the processor, from Debian's package
 * of Chromium.
 *
 * Two packages (chromium-common, 31 MB, and libvulkan1) are downloaded with apt, and two files of them kept in
 * node_modules/.cache; nothing is installed.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, say } from './setup.mjs';

const PACKAGES = ['chromium-common', 'libvulkan1'];
const folder = join(root, 'node_modules/.cache/mmfree/software-gpu');

/**
 * The environment in which tests find a GPU and must use it; undefined if there can be none here, which is said.
 * `MMFREE_TEST_GPU=own` leaves the computer's own GPU to the tests.
 */
export function softwareGpu() {
  if (process.env.MMFREE_TEST_GPU === 'own') {
    say("GPU tests run on this computer's own GPU, and fail without one");
    return { MMFREE_REQUIRE_GPU: '1', MMFREE_GPU_VALIDATION: '1' };
  }
  if (process.env.MMFREE_REQUIRE_GPU !== undefined) return {};
  const found = unpacked() ?? fetched();
  if (found === undefined) {
    say(
      'GPU TESTS MAY BE SKIPPED: no software GPU here (it needs apt-get and dpkg, Debian 12 or later); those of a real GPU run on that',
    );
    return undefined;
  }
  return { ...found, MMFREE_REQUIRE_GPU: '1', MMFREE_GPU_VALIDATION: '1' };
}

/** What is there from an earlier run. */
function unpacked() {
  const driver = join(folder, 'driver.json');
  if (!existsSync(driver)) return undefined;
  const libraries = [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  return { LD_LIBRARY_PATH: libraries, VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver };
}

function fetched() {
  if (!succeeds('apt-get', ['--version']) || !succeeds('dpkg', ['--version'])) return undefined;
  say(`download ${PACKAGES.join(' and ')} (31 MB) for a software GPU into node_modules/.cache; nothing is installed`);
  mkdirSync(folder, { recursive: true });
  const temporary = mkdtempSync(`${folder}.`);
  try {
    if (!downloaded(temporary)) return undefined;
    const packages = readdirSync(temporary).filter((name) => name.endsWith('.deb'));
    if (!packages.every((name) => succeeds('dpkg', ['-x', join(temporary, name), temporary]))) return undefined;
    const files = readdirSync(temporary, { recursive: true });
    for (const name of ['libvk_swiftshader.so', 'libvulkan.so.1']) {
      const found = files.find((file) => file.endsWith(`/${name}`));
      if (found === undefined) return undefined;
      copyFileSync(join(temporary, found), join(folder, name));
    }
    // Last: what was cut off before has no driver.
    const icd = { library_path: join(folder, 'libvk_swiftshader.so'), api_version: '1.0.5' };
    writeFileSync(join(folder, 'driver.json'), JSON.stringify({ file_format_version: '1.0.0', ICD: icd }));
    return unpacked();
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Lists of packages may be missing (in a container) or too old; fetching them needs root. */
function downloaded(into) {
  const download = () => succeeds('apt-get', ['-q', '-o', 'APT::Sandbox::User=root', 'download', ...PACKAGES], into);
  if (download()) return true;
  say("update apt's lists of packages");
  return succeeds('apt-get', ['-q', 'update'], into) && download();
}

function succeeds(program, args, cwd = root) {
  const { status, stderr } = spawnSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  if (status !== 0) process.stderr.write(stderr ?? '');
  return status === 0;
}
