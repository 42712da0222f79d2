/** `mmfree key`: declaration. */
import { defineCommand, flag, option, requiredOption } from '../command.js';
import { path, text } from '../options.js';

export const key = defineCommand({
  examples: [
    'mmfree key -o board.key',
    'mmfree virtual-board --tcp 0.0.0.0:4711 --key-file board.key',
    'mmfree key --service laptop -o service.keys',
    'mmfree serve --host 0.0.0.0 --keys service.keys',
  ],
  parameters: {
    output: requiredOption(
      '-o, --output <file>',
      'the file that is made; none may be there, unless a line is added to it for --service',
      path,
    ),
    service: option(
      '--service <name>',
      'make a key of the service instead, show it, and add its line to the file',
      text,
    ),
    admin: flag('--admin', 'with --service: the key may administrate'),
  },
  load: async () => (await import('../work/key.js')).key,
});
