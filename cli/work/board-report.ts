/** What `mmfree boards` says of a board, for people and for programs. */
import { askBoard, type BoardState } from '../../device/finding/ask-board.js';
import { limitsText } from '../../device/board-error.js';
import type { FoundBoard } from '../../device/finding/discovery.js';
import { addressText } from '../../device/selector.js';
import type { SessionOptions } from '../../device/session.js';
import { hex4, localUsb, portOf } from '../../device/usb/local-usb.js';
import { bootModeOf } from '../../device/usb/ids.js';
import { hasDfu } from '../../device/usb/usb-classes.js';
import type { UsbDeviceInfo } from '../../device/usb/usb-device.js';
import { hexOf } from '../../protocol/hex.js';
import type { JsonObject } from '../output.js';
import { fixOf } from '../advice/advice.js';
import { describeProblem } from '../advice/describe-problem.js';
import { dragInstead } from '../advice/drag-instead.js';

export interface Report {
  readonly facts: JsonObject;
  readonly lines: readonly string[];
  readonly error?: Error;
}

/** Asks the board, if it is one of ours and may be opened. Never throws because of the board. */
export async function report(board: FoundBoard, options: SessionOptions): Promise<Report> {
  const selector = addressText(board.address);
  const { kind, serial, name, usb, portProblem, flashProblem } = board;
  const facts = {
    selector,
    kind,
    serial: serial === '' ? null : serial,
    name: name === '' ? null : name,
    ...usbFacts(usb),
    ...(flashProblem && { flash_problem: problemFacts(flashProblem) }),
  };
  const head = [selector, name, usb && placeOf(usb)].filter((part) => part !== '' && part !== undefined).join('  ');
  const cannotFlash =
    flashProblem === undefined ? [] : [`cannot be flashed: ${flashProblem.reason}`, fixOf(flashProblem)];
  const { state, lines, error } = await stateOf(board, selector, portProblem, options);
  return { facts: { ...facts, ...state }, lines: [head, ...lines, ...cannotFlash], ...(error && { error }) };
}

async function stateOf(
  { kind, address, usb }: FoundBoard,
  selector: string,
  portProblem: FoundBoard['portProblem'],
  options: SessionOptions,
): Promise<{ readonly state: JsonObject; readonly lines: readonly string[]; readonly error?: Error }> {
  if (kind === 'dfu' || (usb !== undefined && hasDfu(usb) && portProblem?.code === 'board-not-found')) {
    const what =
      kind === 'dfu' ? `DFU device of another make${portProblem === undefined ? '' : ' without a serial port'}, ` : '';
    const remark = `${what}can be flashed: mmfree flash FILE --board ${selector}${kind === 'dfu' ? ' --dfu-alt NAME' : ''}`;
    return { state: { state: 'dfu' }, lines: [remark] };
  }
  const boot = usb && bootModeOf(usb);
  if (boot !== undefined) {
    const remark = `a microcontroller in boot mode, gets firmware and model by: mmfree flash IMAGE --board ${selector}`;
    return { state: { state: 'boot-mode', drive: boot.drive }, lines: [remark, dragInstead(boot)] };
  }
  if (kind === 'ftdi' && usb !== undefined) {
    const programmer = address.kind === 'usbip' ? selector : localUsb.nameOf(usb);
    const remark = `FT2232H, maybe an FPGA board, not asked; its flash: mmfree gateware flash --board ${programmer}`;
    return { state: { state: 'not-asked', programmer }, lines: [remark] };
  }
  if (portProblem !== undefined) {
    const state = portProblem.code === 'board-denied' ? 'denied' : portProblem.code;
    const { reason } = portProblem;
    return { state: { state, ...problemFacts(portProblem) }, lines: [reason, fixOf(portProblem)], error: portProblem };
  }
  if (kind === 'port') {
    const remark = `not asked, as it may be anything; if it is a board: --board ${selector}`;
    return { state: { state: 'not-asked' }, lines: [remark] };
  }
  try {
    const answer = await askBoard(address, options);
    return { state: factsOf(answer), lines: linesOf(answer) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { code, cause, fix } = describeProblem(error);
    return { state: { state: code, cause, fix }, lines: [cause, fix], error };
  }
}

function problemFacts(problem: NonNullable<FoundBoard['portProblem']>): JsonObject {
  return { cause: problem.reason, fix: fixOf(problem), facts: problem.facts };
}

function usbFacts(usb: UsbDeviceInfo | undefined): JsonObject {
  if (usb === undefined) return { usb: null };
  const ids = `${hex4(usb.vendor)}:${hex4(usb.product)}`;
  return { usb: ids, usb_path: usb.path, port: portOf(usb) ?? null, dfu: hasDfu(usb) };
}

function placeOf(usb: UsbDeviceInfo): string {
  const port = portOf(usb);
  return [`usb ${hex4(usb.vendor)}:${hex4(usb.product)} at ${usb.path}`, ...(port === undefined ? [] : [port])].join(
    '  ',
  );
}

function factsOf({ hello, info }: BoardState): JsonObject {
  const { board, serial, firmware, image, limits, slots, sectorBytes, minimumRevision, signer } = hello;
  return {
    state: info?.state ?? 'ready',
    board,
    serial,
    firmware,
    uptime_ms: info?.uptimeMs ?? null,
    steps: info?.steps ?? null,
    slots,
    sector_bytes: sectorBytes,
    slot_bytes: limits.imageBytes,
    minimum_revision: minimumRevision,
    signer: signer === undefined ? null : hexOf(signer),
    image:
      image === undefined
        ? null
        : { name: image.name, sha256: hexOf(image.sha256), revision: image.revision, confirmed: image.confirmed },
    bad_frames: info?.link.badFrames ?? null,
    repeats: info?.link.repeats ?? null,
  };
}

function linesOf({ hello, info }: BoardState): string[] {
  const { image, limits, signer } = hello;
  const model =
    image === undefined
      ? `no image that it can start; it takes models up to ${limitsText(limits)}`
      : `${image.name}, revision ${image.revision}, sha256 ${hexOf(image.sha256).slice(0, 16)}…${image.confirmed ? '' : ', not confirmed'}`;
  const how =
    info === undefined
      ? 'computes and no more (RESET and STEP)'
      : `${info.state}, up ${(info.uptimeMs / 1000).toFixed(0)} s, ${info.steps} tokens`;
  return [
    `${hello.board} ${hello.serial}, firmware ${hello.firmware}, ${how}`,
    model,
    ...(signer === undefined ? [] : [`takes only images signed by ${hexOf(signer)}`]),
  ];
}
