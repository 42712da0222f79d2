/** `mmfree serve`: the work. */
import { once } from 'node:events';
import { Conversations } from '../../../serve/conversations/conversations.js';
import { openStateFolder, type StateFolder } from '../../../serve/conversations/state-folder.js';
import { createApp } from '../../../serve/app.js';
import { createMetrics } from '../../../serve/metrics.js';
import { Models } from '../../../serve/models/models.js';
import { listen, type RunningServer } from '../../../serve/server.js';
import { USUAL_LIMITS, type ServiceLimits } from '../../../serve/service.js';
import type { CommandContext } from '../../command.js';
import { UsageError } from '../../usage-error.js';
import { cannotListen, resolved } from '../listen-address.js';
import { ServiceAccess, type AccessInput } from './access.js';
import { serviceLog, type LogLevel } from './log.js';
import { sourcesOf, type SourcesInput } from './sources.js';

interface ServeInput extends SourcesInput, AccessInput {
  readonly port: number;
  readonly seats: number;
  readonly stateDir: string | undefined;
  /** MiB. */
  readonly prefixCache: number;
  readonly mostTokens: number | undefined;
  readonly mostPromptTokens: number | undefined;
  readonly queue: number | undefined;
  readonly perKey: number | undefined;
  readonly tokenTimeout: number | undefined;
  readonly logLevel: LogLevel;
}

/** From the request to end on: so long texts go on, so long answers are sent, then who is still there is cut off. */
const DRAIN_MS = 3_500;
const END_MS = 4_500;
const MOST_MS = 5_000;

export async function serve(input: ServeInput, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const { address, isForOthers } = await resolved(input.host);
  const access = new ServiceAccess(input);
  if (isForOthers && access.current.keys === undefined) throw withoutKeys(input.host);
  const limits = limitsOf(input);
  const { log, machines } = serviceLog(input.logLevel);
  let models: Models | undefined = undefined;
  const metrics = createMetrics(() => models?.list ?? []);
  const events = {
    ...metrics.events,
    onLost: (name: string, error: unknown) => {
      metrics.onMachineLost();
      machines.onLost(name, error);
    },
    onBack: (name: string) => machines.onBack(name),
  };
  models = await Models.open(sourcesOf(input, context), signal, { seats: input.seats, limits: () => limits, events });
  const { list } = models;
  let folder: StateFolder | undefined;
  try {
    if (input.stateDir !== undefined) folder = await openStateFolder(input.stateDir, () => limits);
    const service = {
      models: list,
      conversations: folder && new Conversations(folder.conversations, () => list),
      limits: () => limits,
      access: () => access.current,
      metrics,
      log,
    };
    const server = await listen(createApp(service), { host: address, port: input.port, tls: access.tls }).catch(
      (error: unknown) => {
        throw cannotListen('--port', `${input.port} of --host ${input.host}`, '0', error);
      },
    );
    context.takeTimeToEnd(MOST_MS);
    context.onHangUp(() => {
      log.onReload(() => {
        access.reload();
        if (access.tls !== undefined) server.replaceCertificate(access.tls);
      });
    });
    const names = models.list.map(({ id }) => id);
    output.event('ready', { url: server.url, models: names });
    output.print(`serving ${names.join(', ')} at ${server.url}/v1\n`);
    output.note('Ctrl-C ends it');
    if (!signal.aborted) await once(signal, 'abort');
    await ended(models, server);
  } finally {
    await models.close();
    folder?.close();
  }
}

/** Texts that are under way come to their end if they are quick; who asked for others is told to ask again. */
async function ended(models: Models, server: RunningServer): Promise<void> {
  const timers = [setTimeout(() => models.end(), DRAIN_MS), setTimeout(() => server.cut(), END_MS)];
  await Promise.all([models.drained(), server.drained()]);
  for (const timer of timers) clearTimeout(timer);
}

function limitsOf(input: ServeInput): ServiceLimits {
  const { tokens, promptTokens, queue, perOwner, tokenMs } = USUAL_LIMITS;
  return {
    ...USUAL_LIMITS,
    tokens: input.mostTokens ?? tokens,
    promptTokens: input.mostPromptTokens ?? promptTokens,
    prefixBytes: input.prefixCache * 2 ** 20,
    queue: input.queue ?? queue,
    perOwner: input.perKey ?? perOwner,
    tokenMs: input.tokenTimeout === undefined ? tokenMs : 1000 * input.tokenTimeout,
  };
}

function withoutKeys(host: string): UsageError {
  return new UsageError('missing-option', `--host ${host} can be reached from other computers`, {
    reason: 'Whoever reached it could use the machines of this one, unless he must have a key.',
    fix: 'Make a key with `mmfree key --service NAME -o FILE` and give its file as --keys, or listen at 127.0.0.1.',
    facts: { name: '--host', value: host },
  });
}
