/** Images of chosen parts of one latent in another. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../errors.js';
import { readOnnx } from '../models/graph/read-onnx.js';
import { verify } from '../models/graph/verify.js';
import { writeOnnx } from '../models/graph/write-onnx.js';
import type { ModelManifest } from '../models/manifest.js';
import { MASK_SIDE, type RegionMap, type RegionsInfo, readRegions } from '../models/regions/map.js';
import { regionMask } from '../models/regions/mask.js';
import { spatialStyles } from '../models/regions/spatial-styles.js';
import type { EngineOptions } from './generator.js';
import type { Drawn } from './protocol.js';
import { openSession, type Session } from './session.js';

export class RegionRenderer {
  private constructor(
    private readonly session: Session,
    private readonly generator: ModelManifest['generator'],
    private readonly regions: { info: RegionsInfo; map: RegionMap },
  ) {}

  /** Throws GENERATOR_MISMATCH when the map was measured on another generator. */
  static async load(
    { modelsDir, manifest, session }: EngineOptions,
    regions = readRegions(),
  ): Promise<RegionRenderer> {
    const { generator } = manifest;
    if (regions.info.generator !== generator.hash) {
      throw new AppError('GENERATOR_MISMATCH', {
        detail: `The region map was measured on the generator ${regions.info.generator} and not on ${generator.hash}; \`npm run fit:regions\` measures it anew.`,
      });
    }
    const synthesis = readOnnx(await readFile(join(modelsDir, 'synthesis.onnx')), { dims: { N: 2 } });
    const model = writeOnnx(verify(spatialStyles(synthesis)));
    return new RegionRenderer(await openSession(model, session), generator, regions);
  }

  get device() {
    return this.session.device;
  }

  /** Image [3,S,S] of `a` with parts of `b`. Throws UNAVAILABLE when another map is meant. */
  async mix({ a, b, parts, map, lambda }: Exclude<Drawn, { latent: unknown }>): Promise<Float32Array> {
    if (map !== this.regions.info.sha256) {
      throw new AppError('UNAVAILABLE', {
        detail: 'API and worker have different region maps; bring both to the same version.',
      });
    }
    return this.draw(a, b, regionMask(this.regions.map, parts, lambda));
  }

  /** Image [3,S,S] of two W+ [16,512] under a mask, the weight of b [16,64,64]. */
  async draw(a: Float32Array, b: Float32Array, mask: Float32Array): Promise<Float32Array> {
    const { styles, styleDim } = this.generator;
    const w = new Float32Array(2 * styles * styleDim);
    w.set(a);
    w.set(b, styles * styleDim);
    const { image } = await this.session.run({
      w: { data: w, shape: [2, styles, styleDim] },
      mask: { data: mask, shape: [styles, MASK_SIDE, MASK_SIDE] },
    });
    return image!.data;
  }

  release(): Promise<void> {
    return this.session.release();
  }
}
