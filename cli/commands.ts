/**
 * The commands, in the order of the help. What one of them takes is loaded when a command line names it: a module takes
 * half a millisecond.
 */
import type { CommandGroup, NamedCommand } from './command.js';

export const COMMANDS: readonly (NamedCommand | CommandGroup)[] = [
  {
    name: 'pack',
    summary: 'turn a checkpoint into a weight image',
    load: async () => (await import('./commands/pack.js')).pack,
  },
  {
    name: 'train',
    summary: 'make a model of your own from text, on a GPU',
    load: async () => (await import('./commands/train.js')).train,
  },
  {
    name: 'tokenizer',
    summary: 'text and token ids',
    commands: [
      {
        name: 'train',
        summary: 'make a tokenizer from text',
        load: async () => (await import('./commands/tokenizer/train.js')).tokenizerTrain,
      },
      {
        name: 'encode',
        summary: 'turn text into token ids',
        load: async () => (await import('./commands/tokenizer/encode.js')).tokenizerEncode,
      },
      {
        name: 'decode',
        summary: 'turn token ids into text',
        load: async () => (await import('./commands/tokenizer/decode.js')).tokenizerDecode,
      },
    ],
  },
  {
    name: 'inspect',
    summary: 'check every byte of a weight image or saved state and show what it holds',
    load: async () => (await import('./commands/inspect.js')).inspect,
  },
  {
    name: 'boards',
    summary: 'show the boards that are there, also those that may not be opened, and why',
    load: async () => (await import('./commands/boards.js')).boards,
  },
  {
    name: 'flash',
    summary: 'bring a weight image onto a board, and see it compute',
    load: async () => (await import('./commands/flash.js')).flash,
  },
  {
    name: 'read',
    summary: 'copy the image that a board runs into a file',
    load: async () => (await import('./commands/read.js')).read,
  },
  {
    name: 'revert',
    summary: 'let a board with two images run the other one',
    load: async () => (await import('./commands/revert.js')).revert,
  },
  {
    name: 'restart',
    summary: 'let a board start again, and see what it runs then',
    load: async () => (await import('./commands/restart.js')).restart,
  },
  {
    name: 'models',
    summary: 'show the models that are here and on boards, and where to get others',
    load: async () => (await import('./commands/models.js')).models,
  },
  {
    name: 'run',
    summary: 'generate text, streamed as it comes',
    load: async () => (await import('./commands/run.js')).run,
  },
  {
    name: 'chat',
    summary: 'talk with a model',
    load: async () => (await import('./commands/chat.js')).chat,
  },
  {
    name: 'serve',
    summary: "answer requests of OpenAI's interface over HTTP, from every machine there is",
    load: async () => (await import('./commands/serve.js')).serve,
  },
  {
    name: 'verify',
    summary: 'check that a machine computes what it must, bit for bit',
    load: async () => (await import('./commands/verify.js')).verify,
  },
  {
    name: 'eval',
    summary: 'measure the loss of a model on a text',
    load: async () => (await import('./commands/eval.js')).evalCommand,
  },
  {
    name: 'bench',
    summary: 'measure speed and memory against a baseline of the same run',
    load: async () => (await import('./commands/bench.js')).bench,
  },
  {
    name: 'virtual-board',
    summary: 'be a board: for tests, and on a Linux computer that serves as one',
    load: async () => (await import('./commands/virtual-board.js')).virtualBoard,
  },
  {
    name: 'key',
    summary: 'make the key of a board that is reached over a network',
    load: async () => (await import('./commands/key.js')).key,
  },
  {
    name: 'gateware',
    summary: 'the model in an FPGA',
    commands: [
      {
        name: 'build',
        summary: 'make the bitstream of a board, or the resource estimates of the wide chip, with open tools',
        load: async () => (await import('./commands/gateware/build.js')).gatewareBuild,
      },
      {
        name: 'flash',
        summary: 'write bitstream and weight image into the SPI flash of an FPGA board with an FT2232H',
        load: async () => (await import('./commands/gateware/flash.js')).gatewareFlash,
      },
      {
        name: 'sim',
        summary: 'make the simulator of a whole chip, which `virtual-board --rtl` runs, and say where it is',
        load: async () => (await import('./commands/gateware/sim.js')).gatewareSim,
      },
    ],
  },
  {
    name: 'firmware',
    summary: 'the model in a microcontroller',
    commands: [
      {
        name: 'build',
        summary: 'make the firmware of a Raspberry Pi Pico or Pico 2 from its sources',
        load: async () => (await import('./commands/firmware/build.js')).firmwareBuild,
      },
    ],
  },
  {
    name: 'doctor',
    summary: 'check this computer: program, model, ports, rights, boards',
    load: async () => (await import('./commands/doctor.js')).doctor,
  },
  {
    name: 'vectors',
    summary: 'export test vectors for a testbench: primitives, products, sampler, whole tokens',
    load: async () => (await import('./commands/vectors.js')).vectors,
  },
  {
    name: 'completion',
    summary: 'print what lets a shell complete command lines: bash, zsh or fish',
    load: async () => (await import('./commands/completion.js')).completion,
  },
];
