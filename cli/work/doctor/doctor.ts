/** `mmfree doctor`: the work. */
import { closeSync, openSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { openPseudoTerminal } from '../../../firmware-host/virtual/wires/pseudo-terminal.js';
import { lockFile } from '../../../model/files/file-lock.js';
import { temporaryFolder } from '../../../model/files/temporary-folder.js';
import type { CommandContext } from '../../command.js';
import { describeProblem } from '../../advice/describe-problem.js';
import { MmfreeError } from '../../../protocol/errors.js';
import { examineBoards } from './boards.js';
import type { Check, Finding } from './finding.js';
import { installFixes } from './fix.js';
import { examineGpu } from './gpu.js';
import { examineCpu, examineModel } from './model.js';
import { USB_CHECKS } from './usb.js';

const CHECKS: readonly Check[] = [
  { name: 'node', examine: () => Promise.resolve([node()]) },
  { name: 'model', examine: examineModel },
  { name: 'cpu', examine: examineCpu },
  { name: 'temporary folder', examine: async () => [await writesTemporaries()] },
  { name: 'serial ports', examine: async () => [await serialPackage()] },
  { name: 'pseudo-terminal', examine: async () => [await pseudoTerminal()] },
  { name: 'file locks', examine: async () => [await fileLocks()] },
  { name: 'gpu', examine: examineGpu },
  ...USB_CHECKS,
  { name: 'boards', examine: examineBoards },
];

/** A check of this computer failed; `cause` is what was thrown then, whose exit code counts. */
class DoctorError extends MmfreeError<'doctor-failed'> {}

/** Ends with the exit code of the first thing that is broken; what is only missing is a warning. */
export async function doctor(input: { readonly fix: boolean }, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  if (input.fix) installFixes(context);
  let failures = 0;
  let warnings = 0;
  let first: (Finding & { state: 'warn' | 'fail' }) | undefined;
  for (const { name, examine } of CHECKS) {
    signal.throwIfAborted();
    for (const finding of await findings(examine, signal)) {
      const { state, text } = finding;
      const remedy = state === 'ok' ? null : finding.fix;
      output.event('check', { name, state, text, fix: remedy });
      const label = `${state.padEnd(4)}  ${name.padEnd(16)}  `;
      const lines = [`${label}${text}`, ...(remedy === null ? [] : [`${' '.repeat(label.length)}${remedy}`])];
      output.printLines(lines, label.length);
      if (state === 'warn') warnings++;
      if (finding.state === 'fail') {
        failures++;
        first ??= { ...finding, state: 'fail' };
      }
    }
  }
  output.result({ failures, warnings });
  if (first === undefined) return;
  const { text: reason, fix: remedy, cause } = first;
  const details = { reason: `${reason}.`, fix: remedy, cause };
  throw new DoctorError('doctor-failed', `${failures} of the checks failed`, details);
}

async function findings(examine: Check['examine'], signal: AbortSignal): Promise<readonly Finding[]> {
  try {
    return await examine(signal);
  } catch (error) {
    const { message, cause, fix } = describeProblem(error);
    return [{ state: 'fail', text: `${message}: ${cause.replace(/\.$/, '')}`, fix, cause: error }];
  }
}

function node(): Finding {
  const { version, platform, arch } = process;
  return { state: 'ok', text: `${version} on ${platform} ${arch}` };
}

async function writesTemporaries(): Promise<Finding> {
  const { path, remove } = await temporaryFolder('doctor');
  await access(path, constants.W_OK);
  await remove();
  return { state: 'ok', text: `${tmpdir()} can be written` };
}

async function fileLocks(): Promise<Finding> {
  const { path, remove } = await temporaryFolder('doctor');
  // A folder can be locked like a file.
  const folder = openSync(path, 'r');
  try {
    lockFile(folder, path);
    return { state: 'ok', text: 'files of virtual boards can be locked' };
  } catch (cause) {
    return {
      state: 'warn',
      text: `no virtual board can keep its flash in a file (${cause instanceof Error ? cause.message : String(cause)})`,
      fix: 'Install `flock` (Debian: the package util-linux) if you need --flash-file or --spi-flash-file.',
      cause,
    };
  } finally {
    closeSync(folder);
    await remove();
  }
}

async function serialPackage(): Promise<Finding> {
  try {
    await import('serialport');
    return { state: 'ok', text: 'the package serialport works on this system' };
  } catch (error) {
    return {
      state: 'fail',
      text: `the package serialport does not load: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`,
      fix: 'Run `npm ci` again on this system; a node_modules folder from another one does not fit.',
      cause: error,
    };
  }
}

async function pseudoTerminal(): Promise<Finding> {
  try {
    const { path, wire } = await openPseudoTerminal();
    wire.close();
    return { state: 'ok', text: `virtual boards can be serial ports (${path})` };
  } catch (cause) {
    return {
      state: 'warn',
      text: 'virtual boards cannot be serial ports, only network ports',
      fix: 'Install `script` of util-linux (Debian: bsdutils) if you need that.',
      cause,
    };
  }
}
