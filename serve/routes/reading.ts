/** For whom the texts of a request are read. */
import type { GuardedEnv } from '../access/guards.js';
import type { Context } from '../packages/http.js';
import type { ServiceLimits } from '../service.js';
import type { Reading } from '../text/texts.js';

export function readingOf(
  context: Context<GuardedEnv>,
  { promptTokens }: Pick<ServiceLimits, 'promptTokens'>,
): Required<Reading> {
  return { owner: context.get('owner'), most: promptTokens };
}
