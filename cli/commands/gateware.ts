/** `mmfree gateware`: what has to do with FPGAs, a command each. */
import type { GroupSpec } from '../command.js';
import { gatewareBuild } from './gateware-build.js';
import { gatewareFlash } from './gateware-flash.js';
import { gatewareSim } from './gateware-sim.js';

export const gateware: GroupSpec = {
  name: 'gateware',
  summary: 'the model in an FPGA',
  commands: [gatewareBuild, gatewareFlash, gatewareSim],
};
