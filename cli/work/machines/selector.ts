/** The option `--board`, read. */
import { parseSelector, type BoardSelector } from '../../../device/selector.js';
import { badValue } from '../../usage-error.js';

/** @throws UsageError */
export function selectorOf(text: string): BoardSelector;
export function selectorOf(text: string | undefined): BoardSelector | undefined;
export function selectorOf(text: string | undefined): BoardSelector | undefined {
  if (text === undefined) return undefined;
  const selector = parseSelector(text);
  if (selector !== undefined) return selector;
  const expected =
    'a serial number, usb:VID:PID[:SERIAL], usb:BUS-PORT, serial:PATH[@BAUD], tcp:HOST:PORT or usbip:HOST[:PORT][/BUSID]';
  throw badValue('--board', text, expected, 'serial:/dev/ttyACM0');
}
