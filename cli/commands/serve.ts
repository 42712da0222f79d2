/** `mmfree serve`: declaration. */
import { defineCommand, option, optionWithDefault, repeatedOption } from '../command.js';
import { decimal, integer, oneOf, path, text } from '../options.js';
import { backendOption, keyFileOption } from './shared/source-options.js';

export const serve = defineCommand({
  examples: [
    'mmfree serve',
    'mmfree serve --image tales.mmfree --image other.mmfree --port 0 --json',
    'mmfree serve --board auto --backend cpu',
    'mmfree serve --config /etc/mmfree/serve.json',
    'mmfree serve --board serial:/dev/ttyACM0 --board serial:/dev/ttyACM1 --backend cpu',
  ],
  parameters: {
    config: option(
      '--config <file>',
      'options that are not given here, as JSON: {"port": 80, "image": ["a.mmfree"]}; SIGHUP reads it again',
      path,
      { holdsSettings: true },
    ),
    image: repeatedOption(
      '--image <file>',
      'a weight image to serve; may be given several times (default: the shipped tales-9m)',
      path,
    ),
    board: repeatedOption(
      '--board <selector>',
      'a board to serve, as for `mmfree run`, or `auto` for all that are plugged in, whenever; may be given several times',
      text,
    ),
    keyFile: keyFileOption,
    backend: backendOption,
    stateDir: option(
      '--state-dir <folder>',
      'keep conversations in this folder, over restarts (default: there are no conversations)',
      path,
    ),
    prefixCache: optionWithDefault(
      '--prefix-cache <MiB>',
      'remember states of texts, for texts that begin as they do, in so much memory for each image; 0 remembers none',
      integer({ min: 0, max: 65_536, example: 64 }),
      64,
    ),
    audit: optionWithDefault(
      '--audit <share>',
      'compute this share of all answers again, on another machine that is idle; who computes something else is out of service',
      decimal({ min: 0, max: 1, example: 0.01 }),
      0,
    ),
    host: optionWithDefault('--host <address>', 'listen at this address', text, '127.0.0.1'),
    port: optionWithDefault(
      '--port <number>',
      'listen at this port; 0 takes a free one',
      integer({ min: 0, max: 65_535, example: 8080 }),
      8080,
    ),
    keys: option(
      '--keys <file>',
      'who asks must have a key of this file: a line each, a name and the SHA-256 (see `mmfree key`)',
      path,
    ),
    allowHost: repeatedOption(
      '--allow-host <name>',
      'answer requests under this host name too, such as that of a proxy; may be given several times',
      text,
    ),
    cors: repeatedOption(
      '--cors <origin>',
      'pages of this origin may use the service; may be given several times',
      text,
    ),
    tlsCert: option('--tls-cert <file>', 'answer by HTTPS, with this certificate in PEM', path),
    tlsKey: option('--tls-key <file>', 'the private key of the certificate, in PEM', path),
    seats: optionWithDefault(
      '--seats <number>',
      'compute so many texts at once on each machine that can',
      integer({ min: 1, max: 1024, example: 16 }),
      16,
    ),
    mostTokens: option(
      '--most-tokens <number>',
      'tokens that a request may ask for (default: 16384)',
      integer({ min: 1, max: 1_000_000, example: 4096 }),
    ),
    mostPromptTokens: option(
      '--most-prompt-tokens <number>',
      'tokens that a prompt may have (default: 65536)',
      integer({ min: 1, max: 10_000_000, example: 32_768 }),
    ),
    queue: option(
      '--queue <number>',
      'texts that wait for a place; who comes then is told to come again (default: 256)',
      integer({ min: 0, max: 100_000, example: 64 }),
    ),
    perKey: option(
      '--per-key <number>',
      'texts that are under way for one key (default: 256)',
      integer({ min: 1, max: 100_000, example: 16 }),
    ),
    tokenTimeout: option(
      '--token-timeout <seconds>',
      'a machine that computes nothing for so long is out of service (default: 60)',
      integer({ min: 1, max: 3600, example: 30 }),
    ),
    logLevel: optionWithDefault(
      '--log-level <level>',
      'what is logged on standard error, a line of JSON each: debug, info, warn, error, silent',
      oneOf(['debug', 'info', 'warn', 'error', 'silent']),
      'info',
    ),
  },
  load: async () => (await import('../work/serve/serve.js')).serve,
});
