/** What the face nets need of an inference engine, so that they know none. */

/** An open net: feeds and outputs by name. */
export interface Net {
  run(
    feeds: Record<string, { data: Float32Array; shape: readonly number[] }>,
  ): Promise<Record<string, { data: Float32Array }>>;
  release(): Promise<void>;
}

/** Opens a session for the bytes of an ONNX model. */
export type OpenNet = (model: Uint8Array) => Promise<Net>;
