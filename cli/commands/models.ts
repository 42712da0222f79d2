/** `mmfree models`: declaration. */
import { defineCommand } from '../command.js';

export const models = defineCommand({
  examples: ['mmfree models'],
  parameters: {},
  load: async () => (await import('../work/models.js')).models,
});
