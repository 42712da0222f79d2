/** `mmfree pack`: declaration. */
import { argument, defineCommand, flag, option, optionWithDefault, requiredOption } from '../command.js';
import { integer, path, text } from '../options.js';

export const pack = defineCommand({
  examples: [
    'mmfree pack models/tales-9m -o tales-9m.mmfree',
    'mmfree pack checkpoint -o model.mmfree --sign key.pem',
    'mmfree pack --uf2 models/tales-4m/tales-4m.mmfree -o tales-4m.uf2',
  ],
  parameters: {
    checkpoint: argument(
      '<checkpoint>',
      'folder with config.json, tokenizer.json and safetensors files; with --uf2 an image',
      path,
    ),
    output: requiredOption('-o, --output <file>', 'the image to write, or the UF2 file', path),
    name: option('--name <text>', 'name of the model in the image (default: that of the folder)', text),
    revision: optionWithDefault(
      '--revision <number>',
      'revision of the model; a board refuses lower ones than it has been told',
      integer({ min: 0, max: 2 ** 32 - 1, example: 1 }),
      0,
    ),
    sign: option('--sign <file>', 'sign with this Ed25519 private key (PEM)', path),
    program: option('--program <file>', 'program of the gateware, as text (default: that of the architecture)', path),
    tokenizer: flag('--no-tokenizer', 'pack without a tokenizer: the image takes and gives token ids only'),
    chatTemplate: flag(
      '--no-chat-template',
      'pack without the chat template: chats with the model are written as plain text',
    ),
    dfu: flag('--dfu', 'add a DFU suffix, by which dfu-util and mmfree know which boards the file is for'),
    uf2: flag(
      '--uf2',
      'put an image and the firmware for RP2040 and RP2350 into one file, for the drive of a Raspberry Pi Pico or Pico 2',
    ),
    firmware: option('--firmware <file>', 'with --uf2: firmware of your own (`mmfree firmware build`)', path),
  },
  load: async () => (await import('../work/pack/pack.js')).pack,
});
