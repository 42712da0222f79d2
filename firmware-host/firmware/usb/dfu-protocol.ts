/** Numbers of DFU 1.1: requests (section 3), states and statuses (section 6.1.2), attributes (section 4.1.3). */

export const DFU_REQUEST = {
  detach: 0,
  dnload: 1,
  upload: 2,
  getStatus: 3,
  clrStatus: 4,
  getState: 5,
  abort: 6,
} as const;

export const DFU_STATE = {
  appIDLE: 0,
  appDETACH: 1,
  dfuIDLE: 2,
  dfuDNLOAD_SYNC: 3,
  dfuDNBUSY: 4,
  dfuDNLOAD_IDLE: 5,
  dfuMANIFEST_SYNC: 6,
  dfuMANIFEST: 7,
  dfuMANIFEST_WAIT_RESET: 8,
  dfuUPLOAD_IDLE: 9,
  dfuERROR: 10,
} as const;

export type DfuStateName = keyof typeof DFU_STATE;

export const DFU_STATUS = {
  OK: 0x00,
  errTARGET: 0x01,
  errFILE: 0x02,
  errPROG: 0x06,
  errVERIFY: 0x07,
  errADDRESS: 0x08,
  errNOTDONE: 0x09,
  errFIRMWARE: 0x0a,
  errVENDOR: 0x0b,
  errUNKNOWN: 0x0e,
  errSTALLEDPKT: 0x0f,
} as const;

export type DfuStatusName = keyof typeof DFU_STATUS;

/** Bits of `bmAttributes`. */
export const DFU_ATTRIBUTE = { canDownload: 1, canUpload: 2, manifestationTolerant: 4, willDetach: 8 } as const;

/**
 * Largest block, `wTransferSize`: a sector of common flashes, and the most that Linux passes through usbfs in one
 * control transfer.
 */
export const TRANSFER_BYTES = 4096;

/** How long a detached device waits for a bus reset at most, `wDetachTimeOut`. */
export const DETACH_TIMEOUT_MS = 1000;

/** The answer to DFU_GETSTATUS. @param pollTimeoutMs 24 bits */
export function statusResponse(status: DfuStatusName, pollTimeoutMs: number, state: DfuStateName): Uint8Array {
  const ms = Math.min(pollTimeoutMs, 0xff_ffff);
  return Uint8Array.of(DFU_STATUS[status], ms & 0xff, (ms >> 8) & 0xff, ms >> 16, DFU_STATE[state], 0);
}
