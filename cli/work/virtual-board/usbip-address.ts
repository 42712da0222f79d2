/** How hosts come to a device behind a USB/IP server of ours. */
import { addressText } from '../../../device/selector.js';
import { USBIP_PORT } from '../../../firmware-host/virtual/usbip/usbip-protocol.js';

/** As `--board` takes it, and as the program `usbip` does. */
export function usbipAddress(
  { host, port }: { readonly host: string; readonly port: number },
  busId: string,
): { readonly selector: string; readonly attach: string } {
  const tcpPort = port === USBIP_PORT ? '' : ` --tcp-port ${port}`;
  return {
    selector: addressText({ kind: 'usbip', host, port, busId }),
    attach: `usbip${tcpPort} attach -r ${host} -b ${busId}`,
  };
}
