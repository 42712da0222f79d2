/** How the service is: /health for who restarts it, /ready for who sends it requests. */
import { noMachine } from '../api-error.js';
import type { Hono } from '../packages/http.js';
import type { Service } from '../service.js';

export function statusRoutes(app: Hono, service: Service): void {
  app.get('/health', (context) => context.json({ status: 'ok' }));
  app.get('/ready', (context) => {
    const idle = service.models.find(({ scheduler }) => scheduler.places.length === 0);
    if (idle !== undefined) throw noMachine(idle.id);
    return context.json({ status: 'ready' });
  });
}
