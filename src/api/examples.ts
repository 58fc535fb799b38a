/** Whole examples for the documentation; a test compares them with their schemas and asks the service for them. */

export const exampleId = 'emb_8Jx0cTq5mYb2LrVw7NfK';

/** A portrait that has succeeded with the preset `draft`. */
export const embeddingExample = {
  id: exampleId,
  state: 'succeeded',
  createdAt: '2026-01-31T12:00:00.000Z',
  startedAt: '2026-01-31T12:00:00.120Z',
  finishedAt: '2026-01-31T12:00:12.480Z',
  expiresAt: null,
  options: {
    preset: 'draft',
    steps: 20,
    learningRate: 0.2,
    schedule: 'ramp',
    space: 'pn',
    editability: 0.5,
    pixelWeight: 0,
    lpipsWeight: 30000,
    styles: 16,
    start: 'encoder',
    coarse: 0.15,
    side: 256,
    earlyStop: true,
  },
  width: 3024,
  height: 4032,
  faces: [{ box: { x: 980, y: 1210, width: 1104, height: 1372 }, score: 0.98, selected: true }],
  quad: [
    [612, 874],
    [624, 2790],
    [2540, 2778],
    [2528, 862],
  ],
  progress: { step: 20, steps: 20, fraction: 1, loss: 4213.7, secondsLeft: 0 },
  quality: {
    loss: 4213.7,
    lpips: 0.342,
    identity: 0.53,
    verdict: 'fair',
    reasons: ['Few steps were taken.'],
  },
  generator: { name: 'mobile-stylegan-ffhq', hash: '5f2c8a1e' },
  device: 'cpu',
  seconds: 12.3,
  links: {
    self: `/embeddings/${exampleId}`,
    original: `/embeddings/${exampleId}/image?kind=original`,
    aligned: `/embeddings/${exampleId}/image?kind=aligned`,
    preview: `/embeddings/${exampleId}/image?kind=preview`,
    reconstruction: `/embeddings/${exampleId}/image?kind=reconstruction`,
  },
};
