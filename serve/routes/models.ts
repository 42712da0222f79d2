/** GET /v1/models and /v1/models/{id}. */
import type { ServedModel } from '../models/served-model.js';
import { modelOf, type App, type Service } from '../service.js';

export function modelRoutes(app: App, service: Service): void {
  app.get('/v1/models', (context) => context.json({ object: 'list', data: service.models.map(described) }));
  app.get('/v1/models/:id', (context) => context.json(described(modelOf(service, context.req.param('id')))));
}

function described({ id, createdSeconds, fingerprint, shape, tokenizer }: ServedModel): object {
  return {
    id,
    object: 'model',
    created: createdSeconds,
    owned_by: 'mmfree',
    mmfree: {
      image_sha256: fingerprint,
      vocab_size: shape.vocabSize,
      hidden_size: shape.hiddenSize,
      layers: shape.layers,
      has_tokenizer: tokenizer !== undefined,
    },
  };
}
