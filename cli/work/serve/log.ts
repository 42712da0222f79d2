/** The log of the service, by pino: a line of JSON each on standard error. Neither texts nor keys are in it. */
import { pino } from '../../../serve/packages/log.js';
import type { HotPlugEvents } from '../../../serve/models/hot-plug.js';
import type { KeeperEvents } from '../../../serve/models/keeper.js';
import type { ServiceLog } from '../../../serve/service.js';
import { describeProblem } from '../../advice/describe-problem.js';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface ServiceLogs {
  readonly log: ServiceLog & {
    /**
     * Does it, and says whether it worked: a service goes on with what it had.
     *
     * @param file of options
     * @param reload names options whose change needs a restart
     */
    onReload(file: string | undefined, reload: () => Promise<readonly string[]>): Promise<void>;
  };
  /** Systemd does not hear of the service. */
  readonly onUntold: (error: unknown) => void;
  readonly setLevel: (level: LogLevel) => void;
  readonly machines: KeeperEvents & HotPlugEvents;
  /** Two machines differ, and nobody can say which one is wrong. */
  readonly onDoubt: (message: string) => void;
}

const STANDARD_ERROR = 2;

export function serviceLog(level: LogLevel): ServiceLogs {
  const logger = pino({ level, base: null }, pino.destination({ fd: STANDARD_ERROR, sync: true }));
  return {
    log: {
      // Looks that come every few seconds say nothing.
      onRequest: (facts) => logger[facts.path === '/health' ? 'debug' : 'info'](facts, 'request'),
      onFailure: (error) => logger.error({ err: error }, 'the service failed, and not the request'),
      onReload: async (file, reload) => {
        try {
          const options = await reload();
          logger.info({ file }, 'options, keys and certificate are read again');
          if (options.length > 0) logger.warn({ options }, 'these options change with a restart only');
        } catch (error) {
          const { message, cause, fix } = describeProblem(error);
          logger.error({ file, message, cause, fix }, 'what was there before stays: not everything can be read again');
        }
      },
    },
    onUntold: (error) => logger.warn({ err: error }, 'systemd cannot be told how the service is'),
    setLevel: (now) => void (logger.level = now),
    onDoubt: (message) => logger.error({ message }, 'one of two machines computes something wrong'),
    machines: {
      onLost: (name, error) => {
        const { code, message, cause, fix } = describeProblem(error);
        logger.error({ machine: name, code, message, cause, fix }, 'a machine is out of service');
      },
      onDistrusted: (name, { message }) =>
        logger.error({ machine: name, message }, 'a machine computes something wrong, and is out of service for good'),
      onBack: (name) => logger.info({ machine: name }, 'a machine is back'),
      onCame: (name) => logger.info({ machine: name }, 'a machine has come into service'),
      onGone: (name) => logger.info({ machine: name }, 'a machine is gone'),
      onRefused: (name, error) => {
        const { code, message, cause, fix } = describeProblem(error);
        logger.warn({ machine: name, code, message, cause, fix }, 'a machine is there that cannot serve');
      },
    },
  };
}
