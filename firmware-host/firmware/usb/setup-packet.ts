/** The eight bytes that start every control transfer. USB 2.0, section 9.3. */

export interface SetupPacket {
  /** `bmRequestType`: bit 7 is the direction (1: to the host), bits 6 … 5 the type, bits 4 … 0 the recipient. */
  readonly requestType: number;
  readonly request: number;
  readonly value: number;
  readonly index: number;
  /** Bytes of data that the host sends, or takes at most. */
  readonly length: number;
}

export const SETUP_BYTES = 8;

/** Fields of `requestType`. */
export const TYPE = { mask: 0x60, standard: 0x00, class: 0x20, vendor: 0x40 } as const;
export const RECIPIENT = { mask: 0x1f, device: 0, interface: 1, endpoint: 2 } as const;

export function decodeSetup(bytes: Uint8Array): SetupPacket {
  const view = new DataView(bytes.buffer, bytes.byteOffset, SETUP_BYTES);
  return {
    requestType: view.getUint8(0),
    request: view.getUint8(1),
    value: view.getUint16(2, true),
    index: view.getUint16(4, true),
    length: view.getUint16(6, true),
  };
}

export function encodeSetup({ requestType, request, value, index, length }: SetupPacket): Uint8Array {
  const bytes = new Uint8Array(SETUP_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, requestType);
  view.setUint8(1, request);
  [value, index, length].forEach((field, place) => view.setUint16(2 + 2 * place, field, true));
  return bytes;
}

/** Whether the data goes to the host. */
export function isIn({ requestType }: SetupPacket): boolean {
  return (requestType & 0x80) !== 0;
}
