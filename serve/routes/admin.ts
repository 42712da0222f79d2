/**
 * POST /admin/flash: another image for the boards of a model. Guards let nobody here without a key that may
 * administrate.
 */
import { modelOf, type App, type Service } from '../service.js';
import { bodyOf } from './body.js';

export function adminRoutes(app: App, service: Service): void {
  app.post('/admin/flash', async (context) => {
    const { image, model } = await bodyOf(context, 'flash', service);
    const { boards } = await service.rollOut(modelOf(service, model), image);
    return context.json({ object: 'roll_out', boards });
  });
}
