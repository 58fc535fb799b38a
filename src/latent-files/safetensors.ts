/**
 * Safetensors: length of the header (8 bytes, little-endian), the header as JSON, the numbers
 * (huggingface/safetensors, README, Format).
 */
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { STYLE_DIM, STYLES } from '../contracts.js';
import type { ReceivedLatent } from './latent-file.js';
import { bytesOf, decoded, invalid, type NumberType, shapeText } from './latent-values.js';

/** Name of the tensor that is written, and of the one that is taken where there are several. */
const NAME = 'latent';
const METADATA = '__metadata__';
const LENGTH_SIZE = 8;
const MAX_HEADER = 16_384;

const TYPES: Readonly<Record<string, NumberType>> = { F16: 'f2', F32: 'f4', F64: 'f8' };

const Tensor = Type.Object({
  dtype: Type.String(),
  shape: Type.Array(Type.Integer({ minimum: 0 })),
  data_offsets: Type.Tuple([Type.Integer({ minimum: 0 }), Type.Integer({ minimum: 0 })]),
});
type Tensor = Static<typeof Tensor>;

/** W+ [16,512] as F32, with metadata. */
export function writeSafetensors(values: Float32Array, metadata: Record<string, string>): Buffer {
  const data = bytesOf(values);
  const tensor: Tensor = { dtype: 'F32', shape: [STYLES, STYLE_DIM], data_offsets: [0, data.length] };
  const text = JSON.stringify({ [METADATA]: metadata, [NAME]: tensor });
  // The numbers begin at a multiple of 8.
  const header = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8), 'latin1');
  const length = Buffer.alloc(LENGTH_SIZE);
  length.writeUInt32LE(header.length);
  return Buffer.concat([length, header, data]);
}

/** Throws LATENT_INVALID. */
export function readSafetensors(bytes: Buffer): ReceivedLatent {
  const length = bytes.length < LENGTH_SIZE ? undefined : bytes.readBigUInt64LE(0);
  if (length === undefined || length > MAX_HEADER || LENGTH_SIZE + Number(length) > bytes.length)
    throw invalid(
      `Received ${bytes.length} bytes that are neither .npy nor safetensors nor JSON; expected one of them, as GET /embeddings/{id}/latent writes it.`,
    );
  const begin = LENGTH_SIZE + Number(length);
  const header = headerOf(bytes.toString('utf8', LENGTH_SIZE, begin));
  const tensor = tensorOf(header);
  const type = Object.hasOwn(TYPES, tensor.dtype) ? TYPES[tensor.dtype] : undefined;
  if (!type)
    throw invalid(
      `Received numbers of the type ${tensor.dtype.slice(0, 20)}; expected ${Object.keys(TYPES).join(', ')}.`,
    );
  const [from, to] = tensor.data_offsets;
  if (from > to || begin + to > bytes.length)
    throw invalid(
      `The numbers should lie at ${from} to ${to}; expected offsets within the ${bytes.length - begin} bytes received.`,
    );
  const metadata = header[METADATA] as { generator?: unknown } | undefined;
  const generator = metadata?.generator;
  return {
    values: decoded(bytes.subarray(begin + from, begin + to), type, tensor.shape),
    generator: typeof generator === 'string' ? generator : undefined,
  };
}

function headerOf(text: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    throw invalid('The header of the safetensors file is no JSON.');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw invalid('The header of the safetensors file is no JSON object.');
  return header as Record<string, unknown>;
}

function tensorOf(header: Record<string, unknown>): Tensor {
  const names = Object.keys(header).filter((name) => name !== METADATA);
  const name = names.includes(NAME) || names.length !== 1 ? NAME : names[0]!;
  const tensor = Object.hasOwn(header, name) ? header[name] : undefined;
  if (Value.Check(Tensor, tensor)) return tensor;
  throw invalid(
    `Received the tensors [${shapeText(names)}]; expected one, or one of the name ${NAME}, with dtype, shape and data_offsets.`,
  );
}
