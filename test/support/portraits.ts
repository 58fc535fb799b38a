/** Real photographs for the tests, out of the pinned package of the demo. */
import { loadConfig } from '../../src/config.js';
import { encodePng, upright } from '../../src/images.js';
import { FACE_RECOGNITION, packageFile, packagesDir } from '../../src/models/packages.js';

export const portrait = (name: 'obama' | 'biden'): Promise<Buffer> =>
  packageFile(FACE_RECOGNITION, `tests/test_images/${name}.jpg`, packagesDir(loadConfig().modelsDir));

/** The lowest sixth of a portrait: jacket and background. */
export async function photoWithoutFace(): Promise<Uint8Array> {
  const { data, width, height } = await upright(await portrait('obama'));
  const first = Math.floor((height * 5) / 6);
  return encodePng({ data: data.slice(first * width * 3), width, height: height - first });
}
