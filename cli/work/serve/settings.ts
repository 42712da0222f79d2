/**
 * What of the service may change while it runs: from options and the files that they name, at first and again at
 * SIGHUP.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Access } from '../../../serve/access/guards.js';
import type { Certificate } from '../../../serve/server.js';
import { USUAL_LIMITS, type ServiceLimits } from '../../../serve/service.js';
import { UsageError } from '../../usage-error.js';
import { resolved } from '../listen-address.js';
import { accessOf, certificateOf, type AccessInput } from './access.js';
import type { LogLevel } from './log.js';
import type { SourcesInput } from './sources.js';

export interface ServeInput extends SourcesInput, AccessInput {
  /** From which some of these come; named in the log. */
  readonly config: string | undefined;
  readonly port: number;
  readonly seats: number;
  readonly stateDir: string | undefined;
  /** MiB. */
  readonly prefixCache: number;
  /** Share of answers. */
  readonly audit: number;
  readonly mostTokens: number | undefined;
  readonly mostPromptTokens: number | undefined;
  readonly queue: number | undefined;
  readonly perKey: number | undefined;
  readonly tokenTimeout: number | undefined;
  readonly logLevel: LogLevel;
}

/** Options that a service takes only when it starts. */
const AT_START = {
  host: '--host',
  port: '--port',
  stateDir: '--state-dir',
} as const satisfies Partial<Record<keyof ServeInput, string>>;

export interface Settings {
  /** IP address to listen at. */
  readonly address: string;
  readonly access: Access;
  /** Undefined for HTTP without TLS. */
  readonly tls: Certificate | undefined;
  readonly limits: ServiceLimits;
  readonly logLevel: LogLevel;
}

/** Reads the files that options name. @throws UsageError; the operating system's error */
export async function settingsOf(input: ServeInput): Promise<Settings> {
  const { address, isForOthers } = await resolved(input.host);
  const access = accessOf(input);
  if (isForOthers && access.keys === undefined) throw withoutKeys(input.host);
  return { address, access, tls: certificateOf(input), limits: limitsOf(input), logLevel: input.logLevel };
}

/**
 * Those of a service that runs, from options that may have changed.
 *
 * @returns them, and the options whose change needs a restart
 * @throws UsageError; the operating system's error
 */
export async function settingsAgain(
  input: ServeInput,
  before: ServeInput,
): Promise<{ readonly settings: Settings; readonly needRestart: readonly string[] }> {
  // Whoever else may come depends on the address that is listened at.
  const settings = await settingsOf({ ...input, host: before.host });
  const keys = Object.keys(AT_START) as (keyof typeof AT_START)[];
  const needRestart = keys.filter((key) => !isDeepStrictEqual(input[key], before[key])).map((key) => AT_START[key]);
  const hadTls = before.tlsCert !== undefined;
  return {
    settings,
    needRestart: (settings.tls !== undefined) === hadTls ? needRestart : [...needRestart, '--tls-cert'],
  };
}

function limitsOf(input: ServeInput): ServiceLimits {
  const { tokens, promptTokens, queue, perOwner, tokenMs } = USUAL_LIMITS;
  return {
    ...USUAL_LIMITS,
    tokens: input.mostTokens ?? tokens,
    promptTokens: input.mostPromptTokens ?? promptTokens,
    prefixBytes: input.prefixCache * 2 ** 20,
    auditShare: input.audit,
    seats: input.seats,
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
