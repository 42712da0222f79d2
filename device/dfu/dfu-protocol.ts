/**
 * What USB DFU 1.1 (USB-IF, 5 August 2004) puts on the wire: requests, states, status, functional descriptor. Section
 * and table numbers are those of that document.
 */

/** `bRequest`, table 3.2. */
export const DFU_REQUEST = {
  detach: 0,
  download: 1,
  upload: 2,
  getStatus: 3,
  clearStatus: 4,
  getState: 5,
  abort: 6,
} as const;

/** `bState`, section 6.1.2. */
export const DFU_STATE = {
  appIdle: 0,
  appDetach: 1,
  idle: 2,
  downloadSync: 3,
  downloadBusy: 4,
  downloadIdle: 5,
  manifestSync: 6,
  manifest: 7,
  manifestWaitReset: 8,
  uploadIdle: 9,
  error: 10,
} as const;

export type DfuState = (typeof DFU_STATE)[keyof typeof DFU_STATE];

const STATE_NAMES = [
  'appIDLE',
  'appDETACH',
  'dfuIDLE',
  'dfuDNLOAD-SYNC',
  'dfuDNBUSY',
  'dfuDNLOAD-IDLE',
  'dfuMANIFEST-SYNC',
  'dfuMANIFEST',
  'dfuMANIFEST-WAIT-RESET',
  'dfuUPLOAD-IDLE',
  'dfuERROR',
] as const;

export function stateName(state: DfuState): string {
  return STATE_NAMES[state];
}

/** `bStatus` and what it means, section 6.1.2. */
export const DFU_STATUS_TEXTS: readonly (readonly [name: string, meaning: string])[] = [
  ['OK', 'no error'],
  ['errTARGET', 'the file is not meant for this device'],
  ['errFILE', 'the file fails a check that the maker of the device has set'],
  ['errWRITE', 'the device cannot write its memory'],
  ['errERASE', 'erasing its memory failed'],
  ['errCHECK_ERASED', 'its memory is not empty after erasing'],
  ['errPROG', 'programming its memory failed'],
  ['errVERIFY', 'what it reads back is not what was sent'],
  ['errADDRESS', 'the file is longer than its memory'],
  ['errNOTDONE', 'it got the end of the file before it had all that it needs'],
  ['errFIRMWARE', 'its firmware is damaged, and it cannot leave DFU mode'],
  ['errVENDOR', 'an error of its maker’s own kind'],
  ['errUSBR', 'it was reset in the middle'],
  ['errPOR', 'it lost power in the middle'],
  ['errUNKNOWN', 'it does not know what went wrong'],
  ['errSTALLEDPKT', 'it got a request that it did not expect'],
];

export const DFU_OK = 0;

/** Answer to `DFU_GETSTATUS`, table 6.1. */
export interface DfuStatus {
  /** Index in {@link DFU_STATUS_TEXTS}. */
  readonly status: number;
  /** The device must not be asked again before. */
  readonly pollTimeoutMs: number;
  /** That in which the device is after the answer. */
  readonly state: DfuState;
  /** Of a string descriptor that says more; 0 for none. */
  readonly textIndex: number;
}

const STATUS_BYTES = 6;

/** What is wrong with the bytes as a clause, or what they say. */
export function decodeStatus(bytes: Uint8Array): DfuStatus | string {
  if (bytes.length !== STATUS_BYTES) return `its status has ${bytes.length} bytes instead of ${STATUS_BYTES}`;
  const [status = 0, low = 0, middle = 0, high = 0, state = 0, textIndex = 0] = bytes;
  if (status >= DFU_STATUS_TEXTS.length) return `its status is ${status}, which DFU 1.1 does not have`;
  if (!isState(state)) return `its state is ${state}, which DFU 1.1 does not have`;
  return { status, pollTimeoutMs: low | (middle << 8) | (high << 16), state, textIndex };
}

function isState(value: number): value is DfuState {
  return value < STATE_NAMES.length;
}

export const DFU_FUNCTIONAL_DESCRIPTOR = 0x21;

/**
 * The DFU functional descriptor, table 4.2. That a device answers after manifestation (`bitManifestationTolerant`) is
 * not looked at: devices have it the wrong way round, and their state says the same, rightly.
 */
export interface DfuFunctional {
  readonly canDownload: boolean;
  readonly canUpload: boolean;
  /** It detaches and attaches by itself after `DFU_DETACH`; else the host resets it. */
  readonly willDetach: boolean;
  /** Time after `DFU_DETACH` in which a reset is expected. */
  readonly detachTimeoutMs: number;
  /** Most bytes of a block. */
  readonly transferSize: number;
  /** `bcdDFUVersion`; 0x0100 for descriptors of DFU 1.0, which have none. */
  readonly version: number;
}

/** ST's extension, which looks like DFU and is another protocol. */
export const DFUSE_VERSION = 0x011a;

const FUNCTIONAL_BYTES_1_0 = 7;
const FUNCTIONAL_BYTES_1_1 = 9;

/** @param bytes with type and length. What is wrong with them as a clause, or what they say */
export function decodeFunctional(bytes: Uint8Array): DfuFunctional | string {
  if (bytes.length < FUNCTIONAL_BYTES_1_0) {
    return `its DFU functional descriptor has ${bytes.length} bytes instead of ${FUNCTIONAL_BYTES_1_1}`;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const attributes = view.getUint8(2);
  return {
    canDownload: (attributes & 1) !== 0,
    canUpload: (attributes & 2) !== 0,
    willDetach: (attributes & 8) !== 0,
    detachTimeoutMs: view.getUint16(3, true),
    transferSize: view.getUint16(5, true),
    version: bytes.length >= FUNCTIONAL_BYTES_1_1 ? view.getUint16(7, true) : 0x0100,
  };
}
