/** Walks a source network from its result backwards and keeps account: what no step explains is an error. */
import { numbersOf, type Tensor } from '../graph/tensor.js';
import type { Layer, Ref, SourceNet } from './openvino.js';

/** Layers that may compute a shape at run time. We know every shape, so such a subgraph is explained as a whole. */
const SHAPE_LAYERS = new Set(['ShapeOf', 'Gather', 'Unsqueeze', 'Concat', 'Broadcast', 'Const']);

export class Walk {
  private readonly explained = new Set<number>();

  constructor(private readonly net: SourceNet) {}

  /** What the network's only `Result` shows. */
  result(): Ref {
    const results = [...this.net.layers.values()].filter((layer) => layer.type === 'Result');
    if (results.length !== 1) throw new Error(`Expected one Result but received ${results.length}`);
    this.explained.add(results[0]!.id);
    return results[0]!.inputs[0]!;
  }

  /** The layer behind `ref`, which must have this type and these attributes; returns it as explained. */
  take(ref: Ref, type: string, attrs: Readonly<Record<string, string>> = {}): Layer {
    const layer = this.net.layers.get(ref.layer)!;
    if (layer.type !== type) throw new Error(`Expected ${type} but received ${layer.type} '${layer.name}'`);
    for (const [key, value] of Object.entries(attrs)) {
      if (layer.attrs[key] !== value) {
        throw new Error(`${type} '${layer.name}': expected ${key} ${value} but received ${layer.attrs[key]}`);
      }
    }
    this.explained.add(layer.id);
    return layer;
  }

  /** The inputs of the layer behind `ref`, as by `take`. */
  inputs(ref: Ref, type: string, attrs: Readonly<Record<string, string>> = {}): Ref[] {
    return [...this.take(ref, type, attrs).inputs];
  }

  /** The output of `ref`: how many-th of its layer it is. */
  index(ref: Ref): number {
    return [...this.net.layers.get(ref.layer)!.outputs.keys()].indexOf(ref.port);
  }

  shape(ref: Ref): readonly number[] {
    return this.net.layers.get(ref.layer)!.outputs.get(ref.port)!.shape;
  }

  /** A weight of this shape (-1 is any size) and, where the file keeps names, of this name. */
  weight(ref: Ref, shape: readonly number[], name?: string): Tensor {
    const { constant, name: received } = this.take(ref, 'Const');
    if (name !== undefined && received !== name)
      throw new Error(`Expected the constant '${name}' but received '${received}'`);
    const fits =
      constant!.shape.length === shape.length && shape.every((d, i) => d === -1 || d === constant!.shape[i]);
    if (!fits || constant!.dtype !== 'float32') {
      throw new Error(
        `Constant '${received}': expected float32 [${shape}] but received ${constant!.dtype} [${constant!.shape}]`,
      );
    }
    return constant!;
  }

  /** A constant that must hold exactly these numbers (rounded to float32). */
  expect(ref: Ref, ...values: readonly number[]): void {
    const { constant, name } = this.take(ref, 'Const');
    const received = numbersOf(constant!);
    if (received.length !== values.length || received.some((x, i) => x !== Math.fround(values[i]!))) {
      throw new Error(`Constant '${name}': expected ${values} but received ${received}`);
    }
  }

  /** One number in a float32 constant. */
  number(ref: Ref): number {
    const { constant, name } = this.take(ref, 'Const');
    if (constant!.data.length !== 1 || constant!.dtype !== 'float32') {
      throw new Error(`Constant '${name}': expected one float32 number but received [${constant!.shape}]`);
    }
    return numbersOf(constant!)[0]!;
  }

  /** Explains integer arithmetic that ends in a shape; it begins at constants and at `ShapeOf` some data. */
  arithmetic(ref: Ref): void {
    const layer = this.net.layers.get(ref.layer)!;
    const real = layer.outputs.get(ref.port)!.dtype === 'float32';
    if (!SHAPE_LAYERS.has(layer.type) || real) {
      throw new Error(`Expected shape arithmetic but received ${layer.type} '${layer.name}'`);
    }
    if (this.explained.has(layer.id)) return;
    this.explained.add(layer.id);
    for (const input of layer.inputs) {
      const data = this.net.layers.get(input.layer)!.outputs.get(input.port)!.dtype === 'float32';
      if (!(layer.type === 'ShapeOf' && data)) this.arithmetic(input);
    }
  }

  /** Throws, naming the first layer that no step has explained. */
  finish(): void {
    for (const layer of this.net.layers.values()) {
      if (!this.explained.has(layer.id)) {
        throw new Error(
          `${layer.type} '${layer.name}' of ${this.net.name} has no place in the converted network`,
        );
      }
    }
  }
}
