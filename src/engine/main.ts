/** Engine process: the only place where models run. Started by a worker, ends with it. */
import { loadConfig } from '../config.js';
import { STYLE_DIM, STYLES } from '../contracts.js';
import { contactSheet } from '../images.js';
import { readVerified } from '../models/manifest.js';
import { DEFAULT_PRESET, PRESETS } from '../models/stylegan/presets.js';
import { judgedSide } from '../models/stylegan/schedule.js';
import { averageStart } from '../models/stylegan/start.js';
import { batchSpeed } from './batch-speed.js';
import { Faces } from './faces.js';
import { Finisher } from './finish.js';
import type { EngineOptions } from './generator.js';
import { Norms } from './norms.js';
import { once } from './once.js';
import { pasteBack } from './paste.js';
import { PathLength } from './path-length.js';
import { PathLpips } from './path-lpips.js';
import { Projector } from './project.js';
import type { EngineInfo, EngineRole } from './protocol.js';
import { Renderer } from './render.js';
import { type EngineHandlers, serve } from './serve.js';
import { startLatent } from './start.js';
import { TARGET_SIZE } from './step-model.js';

function handlers(options: EngineOptions): EngineHandlers {
  const faces = once(() => Faces.load(options));
  const projector = once(async () => new Projector(options));
  // Opened by the first job that ends: until then it would only take memory.
  const finisher = once(() => Finisher.load(options));
  const renderer = once(() => Renderer.load(options));
  // Asked for seldom.
  const norms = once(() => Norms.load(options));
  const pathLength = once(() => PathLength.load(options));
  const pathLpips = once(async () => PathLpips.load(options, await renderer()));
  const { generator } = options.manifest;

  const warm = async (role: EngineRole): Promise<EngineInfo> => {
    // A request waits for detection, which the render role answers; a job can open the face nets on its way.
    if (role === 'render') await faces();
    const run =
      role === 'embed'
        ? await warmProjector(await projector(), options.manifest.averageLatent)
        : await warmRenderer(await renderer());
    return { ...run, generator: { name: generator.name, hash: generator.hash } };
  };

  return {
    warm: ({ role }) => warm(role),
    detect: async ({ image }) => (await faces()).detect(image),
    faces: async ({ image }) => (await faces()).examine(image),
    align: async ({ image, landmarks }) => (await faces()).align(image, landmarks),
    start: (params) => startLatent(options, params),
    project: async (chunks) => (await projector()).run(chunks),
    batchSpeed: (params) =>
      batchSpeed(
        {
          ...options,
          availableMemory: () => process.availableMemory(),
          clock: () => performance.now(),
        },
        params,
      ),
    finish: async (params) => (await finisher()).finish(params),
    norms: async ({ latent }) => (await norms()).of(latent),
    sheet: async ({ rows, ...options }) => ({ image: await contactSheet(rows, options) }),
    render: async (params) => (await renderer()).render(params),
    paste: async (params) => pasteBack(await renderer(), await faces(), params),
    pathDistance: async (params) => (await pathLength()).distance(params),
    pathLpips: async (params) => (await pathLpips()).distance(params),
  };
}

/** A first step, of rate 0 on a grey target, with every style free, as by default. */
async function warmProjector(
  projector: Projector,
  average: readonly number[],
): Promise<Pick<EngineInfo, 'device' | 'warmUpMs'>> {
  const latent = averageStart(average, STYLES);
  const target = new Float32Array(3 * TARGET_SIZE * TARGET_SIZE);
  const zeros = new Float32Array(latent.length);
  const chunk = {
    space: 'pn' as const,
    judgedAt: judgedSide(0, PRESETS[DEFAULT_PRESET]),
    target,
    latent,
    m: zeros,
    v: zeros,
    step: 0,
    learningRates: [0],
    pixelWeight: 0,
    lpipsWeight: PRESETS[DEFAULT_PRESET].lpipsWeight,
    prior: 0,
  };
  const warmUpMs = await timed(() => projector.run([chunk]));
  return { warmUpMs, device: projector.device ?? 'cpu' };
}

async function warmRenderer(renderer: Renderer): Promise<Pick<EngineInfo, 'device' | 'warmUpMs'>> {
  const latent = new Float32Array(STYLES * STYLE_DIM);
  return { warmUpMs: await timed(() => renderer.warmUp(latent)), device: renderer.device };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return Math.round(performance.now() - begun);
}

const { modelsDir, device, threads } = loadConfig();
const manifest = await readVerified(modelsDir);
serve(handlers({ modelsDir, manifest, session: { device, threads } }));
