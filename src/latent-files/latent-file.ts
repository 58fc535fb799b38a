/** Latents as files: what one holds, and in which formats it is written and read. */
import type { EmbeddingRecord } from '../contracts.js';
import { readJson, writeJson } from './json.js';
import { isNpy, readNpy, writeNpy } from './npy.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';

export const LATENT_FORMATS = ['npy', 'safetensors', 'json'] as const;
export type LatentFormat = (typeof LATENT_FORMATS)[number];

export type GeneratorName = NonNullable<EmbeddingRecord['generator']>;

/** A latent that leaves the service: W+ [16,512] and where it comes from. */
export interface ExportedLatent {
  id: string;
  generator: GeneratorName;
  values: Float32Array;
}

/** A latent as received: W+ [16,512]; `generator` where the file tells, as `name:hash`. */
export interface ReceivedLatent {
  values: Float32Array;
  generator: string | undefined;
}

/** `name:hash`, which stands for a generator in files and form fields. */
export const generatorText = ({ name, hash }: GeneratorName): string => `${name}:${hash}`;

export function writeLatent(format: LatentFormat, latent: ExportedLatent): Buffer {
  switch (format) {
    case 'npy':
      return writeNpy(latent.values);
    case 'safetensors':
      return writeSafetensors(latent.values, {
        generator: generatorText(latent.generator),
        id: latent.id,
        space: 'w+',
      });
    case 'json':
      return writeJson(latent);
  }
}

/** Reads any of the formats, told apart by their first bytes. Throws LATENT_INVALID that says what was received and expected. */
export function readLatent(bytes: Buffer): ReceivedLatent {
  if (isNpy(bytes)) return { values: readNpy(bytes), generator: undefined };
  if (/^\s*[{[]/.test(bytes.toString('latin1', 0, 64))) return readJson(bytes);
  return readSafetensors(bytes);
}
