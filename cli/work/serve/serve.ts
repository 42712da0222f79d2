/** `mmfree serve`: the work. */
import { once } from 'node:events';
import { Conversations } from '../../../serve/conversations/conversations.js';
import { openStateFolder, type StateFolder } from '../../../serve/conversations/state-folder.js';
import { Bodies } from '../../../serve/body/bodies.js';
import { createApp } from '../../../serve/app.js';
import { createMetrics } from '../../../serve/metrics.js';
import { Models } from '../../../serve/models/models.js';
import type { ServedModel } from '../../../serve/models/served-model.js';
import { listen, type RunningServer } from '../../../serve/server.js';
import type { Service, ServiceLimits } from '../../../serve/service.js';
import type { CommandContext } from '../../command.js';
import { cannotListen } from '../listen-address.js';
import { serviceLog } from './log.js';
import { ServiceMachines } from './machines.js';
import { Supervisor } from './supervisor.js';
import { settingsAgain, settingsOf, type ServeInput } from './settings.js';

/** From the request to end on: so long texts go on, so long answers are sent, then who is still there is cut off. */
const DRAIN_MS = 3_500;
const END_MS = 4_500;
const MOST_MS = 5_000;

export async function serve(
  input: ServeInput,
  context: CommandContext,
  readAgain: () => Promise<ServeInput>,
): Promise<void> {
  const { output, signal } = context;
  let settings = await settingsOf(input);
  const limits = (): ServiceLimits => settings.limits;
  const { log, machines, setLevel, onDoubt, onUntold } = serviceLog(settings.logLevel);
  const metrics = createMetrics(
    () => models.list,
    () => service?.conversations,
  );
  const events = {
    ...metrics.events,
    onLost: (name: string, error: unknown) => {
      metrics.onMachineLost();
      machines.onLost(name, error);
    },
    onBack: (name: string) => machines.onBack(name),
    onDistrusted: (name: string, error: Error) => machines.onDistrusted(name, error),
    onMismatch: (model: string, machine: string | undefined, error: Error) => {
      metrics.events.onMismatch(model, machine, error);
      if (machine === undefined) onDoubt(error.message);
    },
  };
  const bodies = new Bodies();
  const models: Models = new Models({ limits, events });
  const inService = new ServiceMachines(models, input, machines, context);
  let folder: StateFolder | undefined;
  let service: Service | undefined;
  try {
    await inService.open();
    if (input.stateDir !== undefined) folder = await openStateFolder(input.stateDir, limits);
    service = {
      get models() {
        return models.list;
      },
      conversations: folder && new Conversations(folder.conversations, () => models.list),
      limits,
      rollOut: async (model: ServedModel, image: string) => await inService.rollOut(model, image),
      access: () => settings.access,
      bodies,
      metrics,
      log,
    };
    const server = await listen(createApp(service), {
      host: settings.address,
      port: input.port,
      tls: settings.tls,
    }).catch((error: unknown) => {
      throw cannotListen('--port', `${input.port} of --host ${input.host}`, '0', error);
    });
    context.takeTimeToEnd(MOST_MS);
    const supervisor = new Supervisor(process.env, onUntold);
    const reload = async (): Promise<readonly string[]> => {
      const now = await readAgain();
      const again = await settingsAgain(now, input);
      await inService.change(now);
      settings = again.settings;
      setLevel(settings.logLevel);
      if (settings.tls !== undefined) server.replaceCertificate(settings.tls);
      return again.needRestart;
    };
    // One after the other.
    let reloaded: Promise<void> = Promise.resolve();
    context.onHangUp(() => {
      reloaded = reloaded.then(async () => {
        supervisor.reloading();
        await log.onReload(input.config, reload);
        return supervisor.reloaded();
      });
    });
    const names = models.list.map(({ id }) => id);
    output.event('ready', { url: server.url, models: names });
    output.print(`serving ${names.join(', ') || 'boards that will come'} at ${server.url}/v1\n`);
    output.note('Ctrl-C ends it');
    supervisor.ready(() => models.list.every(({ scheduler }) => !scheduler.isStuck));
    if (!signal.aborted) await once(signal, 'abort');
    supervisor.stopping();
    await ended(models, server);
  } finally {
    await Promise.all([models.close(), bodies.close()]);
    folder?.close();
  }
}

/** Texts that are under way come to their end if they are quick; who asked for others is told to ask again. */
async function ended(models: Models, server: RunningServer): Promise<void> {
  const timers = [setTimeout(() => models.end(), DRAIN_MS), setTimeout(() => server.cut(), END_MS)];
  await Promise.all([models.drained(), server.drained()]);
  for (const timer of timers) clearTimeout(timer);
}
