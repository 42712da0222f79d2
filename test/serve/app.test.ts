/** What every route has in common. */
import { expect, it } from 'vitest';
import { createApp } from '../../serve/app.js';
import { serviceOf, talesOn } from '../helpers/service.js';

it('a mistake of the service is told without its cause, which the log has', async () => {
  const tested = await serviceOf({ sources: [talesOn('reference')] });
  const cause = new Error("ENOENT: no such file or directory, open '/home/somebody/keys'");
  const metrics = { ...tested.service.metrics, page: async () => await Promise.reject(cause) };
  const response = await createApp({ ...tested.service, metrics }).fetch(new Request('http://127.0.0.1/metrics'));
  expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining('somebody')]);
  expect(tested.failures).toEqual([cause]);
  await tested.close();
});
