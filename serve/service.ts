/** All that the routes share: models, bounds, and who is told what goes wrong. */
import type { Access, GuardedEnv } from './access/guards.js';
import type { Bodies } from './body/bodies.js';
import { modelNotFound, noMachine, noStateFolder } from './api-error.js';
import type { RolledOut } from './models/roll-out.js';
import type { ServedModel } from './models/served-model.js';
import type { Conversations } from './conversations/conversations.js';
import type { StoreLimits } from './conversations/store.js';
import type { Metrics } from './metrics.js';
import type { Hono } from './packages/http.js';
import type { PlaceLimits } from './scheduler/place.js';
import type { SchedulerLimits } from './scheduler/scheduler.js';

/** Bounds of what one request, or one client, may ask for. */
export interface ServiceLimits extends SchedulerLimits, PlaceLimits, StoreLimits {
  readonly bodyBytes: number;
  /** Of all bodies of one owner that are under way. */
  readonly ownerBodyBytes: number;
  /** Log-probabilities in all answers of one owner that are under way: each takes 12 bytes. */
  readonly ownerScores: number;
  /** Of each choice. */
  readonly tokens: number;
  readonly promptTokens: number;
}

export const USUAL_LIMITS: ServiceLimits = {
  bodyBytes: 4 * 2 ** 20,
  ownerBodyBytes: 64 * 2 ** 20,
  ownerScores: 4 * 2 ** 20,
  tokens: 16_384,
  promptTokens: 65_536,
  seats: 16,
  queue: 256,
  perOwner: 256,
  tokenMs: 60_000,
  prefixBytes: 64 * 2 ** 20,
  auditShare: 0,
  conversations: 10_000,
  conversationBytes: 2 ** 30,
};

export interface Service {
  /** They may change while it runs. */
  readonly models: readonly ServedModel[];
  /** Undefined if there is no folder for them. */
  readonly conversations?: Conversations | undefined;
  /** They may change while it runs. */
  readonly limits: () => ServiceLimits;
  readonly access: () => Access;
  /** Another image for the boards of a model. @param image path @throws ApiError */
  readonly rollOut: (model: ServedModel, image: string) => Promise<RolledOut>;
  /** Reads what requests ask for. */
  readonly bodies: Bodies;
  readonly metrics: Metrics;
  readonly log: ServiceLog;
}

/** @throws ApiError `no_state_folder` */
export function conversationsOf({ conversations }: Pick<Service, 'conversations'>): Conversations {
  if (conversations === undefined) throw noStateFolder();
  return conversations;
}

/** Who is told what happens. */
export interface ServiceLog {
  /** A request was answered, or its stream begun. Neither texts nor keys are in it. */
  onRequest(facts: RequestFacts): void;
  /** Of the service, not of the request: its disk, a machine, this program. */
  onFailure(error: unknown): void;
}

export interface RequestFacts {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  /** The name of the key. */
  readonly owner: string;
}

export type App = Hono<GuardedEnv>;

/** The first one unless a name is given. @throws ApiError `model_not_found`, `no_machine` */
export function modelOf({ models }: Pick<Service, 'models'>, name: string | null | undefined): ServedModel {
  const found = models.find(
    ({ id, fingerprint }) => name === undefined || name === null || name === id || name === fingerprint,
  );
  if (found !== undefined) return found;
  // Boards may come yet.
  if (models.length === 0) throw noMachine(name ?? 'anything');
  throw modelNotFound(
    name ?? '',
    models.map(({ id }) => id),
  );
}
