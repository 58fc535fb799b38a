/** Latents as clients send them in: .npy, safetensors and JSON. */

import { AppError } from '../../src/errors.js';
import {
  type ExportedLatent,
  LATENT_FORMATS,
  readLatent,
  writeLatent,
} from '../../src/latent-files/latent-file.js';
import { SIZE } from '../../src/latent-files/latent-values.js';
import { latin1, type Target } from './target.js';

const LATENT: ExportedLatent = {
  id: 'emb_0',
  generator: { name: 'g', hash: 'abc' },
  values: Float32Array.from({ length: SIZE }, (_, i) => Math.sin(i)),
};
const vector = Buffer.alloc(4 * 512);
const NPY_VECTOR = Buffer.concat([
  latin1(
    `\x93NUMPY\x01\0\x76\0${"{'descr': '<f4', 'fortran_order': False, 'shape': (512,), }".padEnd(117)}\n`,
  ),
  vector,
]);
const HEADER = '{"latent":{"dtype":"F32","shape":[512],"data_offsets":[0,2048]}}';
const SAFETENSORS_VECTOR = Buffer.concat([
  latin1(`${String.fromCharCode(HEADER.length)}\0\0\0\0\0\0\0${HEADER}`),
  vector,
]);

const TOKENS = [
  '__proto__', 'constructor', '"__metadata__":{}', '[[[[', ']]]]', '[],'.repeat(200), '[0],', 'null', 'true', '1e999', '-0', '{"values":', "'<f8'", "'<f2'",
  "'|O'", "'>f4'", 'True', '(16, 512)', '(1, 16, 512)', '(-1,)', '"F64"', '"F16"', '"BF16"', '"data_offsets":[0,0]', '\x00', '\xff\xff\xff\xff',
]; // biome-ignore format: pieces of headers

export const latentTarget = async (): Promise<Target> => ({
  seeds: [...LATENT_FORMATS.map((format) => writeLatent(format, LATENT)), NPY_VECTOR, SAFETENSORS_VECTOR].map(
    (bytes) => Uint8Array.from(bytes),
  ),
  tokens: TOKENS.map(latin1),
  maxBytes: 262_144,
  read: (bytes) => readLatent(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
  isRefusal: (error) => error instanceof AppError && error.code === 'LATENT_INVALID',
});
