/** Images of latents drawn into the photo that a face was cut out of. */

import { tensorToRgb8 } from '../images/tensors.js';
import { encodeRgb8, uprightAt } from '../images.js';
import { paste } from '../models/paste/paste.js';
import type { Faces } from './faces.js';
import type { EngineCalls } from './protocol.js';
import type { Renderer } from './render.js';

type PasteCall = EngineCalls['paste'];

/** Where the generator put the face is looked up in its image: jaw and brows of a mix are those of no photo. */
export async function pasteBack(
  renderer: Renderer,
  faces: Faces,
  params: PasteCall['in'],
): Promise<PasteCall['out']> {
  const { pixels, side } = await renderer.whole(params);
  const { place, format, quality } = params;
  const face = tensorToRgb8(pixels, side, side);
  const landmarks = await faces.landmarksOfAligned(face);
  const { width, height } = place;
  const photo = await uprightAt(place.photo, width, height);
  await paste(photo, face, place, landmarks);
  return { image: await encodeRgb8(photo, { format, quality }) };
}
