/** What is said to the thread of `Bodies`, and what it answers. */
import type { ApiError } from '../api-error.js';
import type { RequestName } from '../schemas.js';

export interface BodyQuestion {
  readonly name: RequestName;
  readonly bytes: Uint8Array;
  readonly mostItems: number;
}

export type BodyAnswer =
  | { readonly is: 'body'; readonly body: unknown }
  | ({ readonly is: 'refused' } & Pick<ApiError, 'status' | 'code' | 'message' | 'param'>);
