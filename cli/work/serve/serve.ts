/** `mmfree serve`: the work. */
import { once } from 'node:events';
import { Conversations } from '../../../serve/conversations/conversations.js';
import { openStateFolder, type StateFolder } from '../../../serve/conversations/state-folder.js';
import { createApp } from '../../../serve/app.js';
import { Models } from '../../../serve/models/models.js';
import { listen } from '../../../serve/server.js';
import { USUAL_LIMITS } from '../../../serve/service.js';
import type { CommandContext } from '../../command.js';
import { UsageError } from '../../usage-error.js';
import { cannotListen, resolved } from '../listen-address.js';
import { sourcesOf, type SourcesInput } from './sources.js';

interface ServeInput extends SourcesInput {
  readonly host: string;
  readonly port: number;
  readonly seats: number;
  readonly stateDir: string | undefined;
  /** MiB. */
  readonly prefixCache: number;
}

/** Of the time in which a service must end. */
const DRAIN_MS = 3_500;
const END_MS = 4_500;

export async function serve(input: ServeInput, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const all = { ...USUAL_LIMITS, prefixBytes: input.prefixCache * 2 ** 20 };
  const limits = (): typeof all => all;
  const { address, isForOthers } = await resolved(input.host);
  if (isForOthers) throw forOthers(input.host);
  const events = {
    onLost: (name: string, error: unknown) => output.note(`${name} is out of service: ${messageOf(error)}`),
    onBack: (name: string) => output.note(`${name} is back`),
  };
  // What is opened here outlives Ctrl-C, for those who still get an answer.
  const opening = AbortSignal.any([signal]);
  const models = await Models.open(sourcesOf(input, context), opening, { seats: input.seats, limits, events });
  let folder: StateFolder | undefined;
  try {
    if (input.stateDir !== undefined) folder = await openStateFolder(input.stateDir, limits);
    const conversations = folder && new Conversations(folder.conversations, () => models.list);
    const onFailure = (error: unknown): void => output.note(messageOf(error));
    const service = { models: models.list, conversations, limits, onFailure };
    const server = await listen(createApp(service), address, input.port).catch((error: unknown) => {
      throw cannotListen('--port', `${input.port} of --host ${input.host}`, '0', error);
    });
    context.takeTimeToEnd(END_MS + 500);
    output.event('ready', { url: server.url, models: models.list.map(({ id }) => id) });
    output.print(`serving ${models.list.map(({ id }) => id).join(', ')} at ${server.url}/v1\n`);
    output.note('Ctrl-C ends it');
    if (!signal.aborted) await once(signal, 'abort');
    const cut = setTimeout(() => server.cut(), END_MS);
    const end = setTimeout(() => models.end(), DRAIN_MS);
    await Promise.all([models.drained(), server.drained()]);
    clearTimeout(cut);
    clearTimeout(end);
  } finally {
    await models.close();
    folder?.close();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function forOthers(host: string): UsageError {
  return new UsageError('bad-value', `--host ${host} can be reached from other computers`, {
    reason: 'Whoever reached it could use the machines of this one.',
    fix: 'Listen at 127.0.0.1, and let others come by `ssh -L`, or by a proxy that asks for a key.',
    facts: { name: '--host', value: host },
  });
}
