/** An app whose renders and looks at faces are done by the real engine on the real models. */
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../src/config.js';
import { type ModelManifest, readManifest } from '../../src/models/manifest.js';
import { announce, HEARTBEAT_EVERY_MS } from '../../src/store/workers.js';
import { EngineClient } from '../../src/worker/engine-client.js';
import { Latents } from '../../src/worker/latents.js';
import { render } from '../../src/worker/render.js';
import { startApp, type TestApp } from './app.js';
import { startRedis } from './redis.js';

export interface EngineApp {
  service: TestApp;
  engine: EngineClient;
  manifest: ModelManifest;
  close(): Promise<void>;
}

export async function startEngineApp(): Promise<EngineApp> {
  const manifest = await readManifest(loadConfig().modelsDir);
  const server = await startRedis();
  const service = await startApp(server.url, { patience: { detectMs: 300_000, renderMs: 300_000 } });
  // Built by `npm run build`, which the tests that need it do before.
  const engine = new EngineClient({
    entry: fileURLToPath(new URL('../../dist/engine/main.js', import.meta.url)),
  });
  const { blobs, redis, config } = service.deps;
  const latents = new Latents(blobs);
  service.serveRenders((job) => render({ blobs, engine, latents }, job));
  const { name, hash } = manifest.generator;
  const beat = () =>
    announce(redis, config.keyPrefix, {
      id: 'w1',
      roles: ['render'],
      generator: { name, hash },
      warmUpMs: {},
    });
  await beat();
  const heartbeat = setInterval(() => void beat(), HEARTBEAT_EVERY_MS);
  return {
    service,
    engine,
    manifest,
    close: async () => {
      clearInterval(heartbeat);
      await engine.close();
      await service.close();
      await server.stop();
    },
  };
}
