/** `mmfree doctor`: declaration. */
import { defineCommand, flag } from '../command.js';

export const doctor = defineCommand({
  examples: ['mmfree doctor', 'sudo mmfree doctor --fix'],
  parameters: { fix: flag('--fix', 'install the udev rule that lets users open boards, and say what is written') },
  load: async () => (await import('../work/doctor/doctor.js')).doctor,
});
