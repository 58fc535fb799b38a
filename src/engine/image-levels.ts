/** Images smaller than the generator's, at the sides at which they cost less than the whole and a reduction. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readOnnx } from '../models/graph/read-onnx.js';
import { writeOnnx } from '../models/graph/write-onnx.js';
import { levelGraph } from '../models/heads/level.js';
import { type Heads, readHeads } from '../models/heads/weights.js';
import type { EngineOptions } from './generator.js';
import { openSession, type Session } from './session.js';

export class ImageLevels {
  private readonly sessions = new Map<number, Promise<Session>>();

  private constructor(
    private readonly options: EngineOptions,
    private readonly heads: Heads,
  ) {}

  /** Half the side needs nothing fitted. For a generator that the heads were not fitted to there are no levels. */
  static load(options: EngineOptions, fitted = readHeads()): ImageLevels {
    const { generator } = options.manifest;
    const known = fitted.info.generator === generator.hash;
    if (known)
      return new ImageLevels(options, new Map([[generator.resolution / 2, new Map()], ...fitted.heads]));
    const [expected, received] = [fitted.info.generator, generator.hash].map((hash) => hash.slice(0, 12));
    console.error(
      `Small images are reduced from whole ones: the image heads are fitted to the generator ${expected}, not to ${received}. To fit them: ${fitted.info.command}`,
    );
    return new ImageLevels(options, new Map());
  }

  /** The smallest side that is at least `size`; undefined where only the whole image is as large. */
  sideFor(size: number): number | undefined {
    const sides = [...this.heads.keys()].filter((side) => side >= size);
    return sides.length > 0 ? Math.min(...sides) : undefined;
  }

  /** The image [3,side,side] -1..1 of a W+ latent [styles,dim]. A side's session is opened by its first image. */
  async render(latent: Float32Array, side: number): Promise<Float32Array> {
    const { styles, styleDim } = this.options.manifest.generator;
    const session = await this.session(side);
    const { image } = await session.run({ w: { data: latent, shape: [1, styles, styleDim] } });
    return image!.data;
  }

  private session(side: number): Promise<Session> {
    const known = this.sessions.get(side);
    if (known) return known;
    const opened = this.open(side);
    this.sessions.set(side, opened);
    // One that could not be opened is tried again.
    opened.catch(() => this.sessions.delete(side));
    return opened;
  }

  private async open(side: number): Promise<Session> {
    const { modelsDir, session } = this.options;
    const synthesis = readOnnx(await readFile(join(modelsDir, 'synthesis.onnx')), { dims: { N: 1 } });
    return openSession(writeOnnx(levelGraph(synthesis, side, this.heads.get(side))), session);
  }
}
