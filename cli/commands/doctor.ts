/** `mmfree doctor`: declaration. */
import { defineCommand } from '../command.js';

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'check this computer: program, model, ports, rights, boards',
  examples: ['mmfree doctor'],
  parameters: {},
  load: async () => (await import('../work/doctor.js')).doctor,
});
