/** `mmfree gateware`: what has to do with FPGAs, a command each. */
import type { GroupSpec } from '../command.js';
import { gatewareFlash } from './gateware-flash.js';

export const gateware: GroupSpec = {
  name: 'gateware',
  summary: 'the model in an FPGA',
  commands: [gatewareFlash],
};
