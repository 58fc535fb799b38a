import { describe, expect, it } from 'vitest';
import { readMapping } from '../../../src/models/convert/mobilestylegan.js';
import { readOpenVino } from '../../../src/models/convert/openvino.js';
import { f32 } from '../../../src/models/graph/tensor.js';

const port = (id: number, dims: readonly number[], precision = 'FP32') =>
  `<port id="${id}" precision="${precision}">${dims.map((d) => `<dim>${d}</dim>`).join('')}</port>`;

/** y = x + [1, 2] */
const NET = `<?xml version="1.0" ?>
<net name="tiny" version="10">
  <layers>
    <layer id="0" name="x" type="Parameter" version="opset1">
      <data shape="1, 2" element_type="f32"/><output>${port(0, [1, 2])}</output>
    </layer>
    <layer id="1" name="bias" type="Const" version="opset1">
      <data element_type="f32" shape="1, 2" offset="4" size="8"/><output>${port(0, [1, 2])}</output>
    </layer>
    <layer id="2" name="sum" type="Add" version="opset1">
      <data auto_broadcast="numpy"/><input>${port(0, [1, 2])}${port(1, [1, 2])}</input><output>${port(2, [1, 2])}</output>
    </layer>
    <layer id="3" name="y" type="Result" version="opset1"><input>${port(0, [1, 2])}</input></layer>
  </layers>
  <edges>
    <edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
    <edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
    <edge from-layer="2" from-port="2" to-layer="3" to-port="0"/>
  </edges>
  <meta_data><MO_version value="2021"/></meta_data>
</net>`;
const BIN = new Uint8Array(Float32Array.of(0, 1, 2).buffer);

describe('readOpenVino', () => {
  it('reads layers, their constants and what feeds them', () => {
    const { name, layers } = readOpenVino(NET, BIN);
    expect(name).toBe('tiny');
    expect(layers.get(1)?.constant).toEqual(f32([1, 2], [1, 2]));
    expect(layers.get(2)?.inputs).toEqual([
      { layer: 0, port: 0 },
      { layer: 1, port: 0 },
    ]);
  });

  it('refuses weights that are cut off', () => {
    expect(() => readOpenVino(NET, BIN.subarray(0, 11))).toThrow(
      "'bias' ends at byte 12 of the weights, which have 11",
    );
  });

  it.each([
    ['an unknown layer', 'type="Add"', 'type="Swish"', "'sum' has type 'Swish'"],
    ['a name from the prototype', 'type="Add"', 'type="constructor"', "type 'constructor'"],
    [
      'another opset',
      'name="sum" type="Add" version="opset1"',
      'name="sum" type="Add" version="opset8"',
      'opset8',
    ],
    ['another version', 'version="10"', 'version="11"', 'version 10'],
    ['an unknown attribute', 'auto_broadcast="numpy"', 'auto_broadcast="numpy" axis="1"', "attribute 'axis'"],
    ['an unknown value', 'auto_broadcast="numpy"', 'auto_broadcast="pdpd"', 'pdpd'],
    ['a missing attribute', '<data auto_broadcast="numpy"/>', '', "lacks the attribute 'auto_broadcast'"],
    ['an id used twice', 'id="1" name="bias"', 'id="0" name="bias"', 'id 0 is used twice'],
    ['a precision from the prototype', 'precision="FP32"', 'precision="toString"', "'toString'"],
    ['a half precision', 'precision="FP32"', 'precision="FP16"', "'FP16'"],
    ['a constant of another size', 'size="8"', 'size="4"', 'expected 8 bytes'],
    ['a constant of another shape', 'shape="1, 2" offset', 'shape="2" offset', 'float32 [2]'],
    ['an offset beyond the weights', 'offset="4"', 'offset="4000"', 'ends at byte 4008'],
    ['a negative offset', 'offset="4"', 'offset="-4"', 'offset="-4"'],
    ['two edges into one port', 'to-layer="2" to-port="1"', 'to-layer="2" to-port="0"', 'two edges'],
    ['an edge from nowhere', 'from-layer="1"', 'from-layer="7"', 'not fed'],
    ['an edge to nowhere', 'to-layer="3"', 'to-layer="9"', /layer 9|0 edges/],
    ['a loop', 'from-layer="1" from-port="0"', 'from-layer="2" from-port="2"', 'not fed by an earlier layer'],
    ['an unknown part', '<meta_data>', '<quantization_data/><meta_data>', 'quantization_data'],
    ['an open tag', '</layers>', '', 'closes'],
    ['a comment', '<edges>', '<!-- x --><edges>', 'not understood'],
    ['an outside entity', 'name="x"', 'name="&x;"', "'&x;'"],
  ])('refuses %s', (_what, from, to, message) => {
    expect(NET).toContain(from);
    expect(() => readOpenVino(NET.replace(from, to), BIN)).toThrow(message);
  });

  it('refuses constants that share their bytes: a small file would fill the memory', () => {
    const second = (id: number) =>
      `<layer id="${id}" name="again" type="Const" version="opset1"><data element_type="f32" shape="1, 2" offset="4" size="8"/><output>${port(0, [1, 2])}</output></layer>`;
    const doubled = NET.replace('</layers>', `${second(4)}${second(5)}${second(6)}</layers>`);
    expect(() => readOpenVino(doubled, BIN)).toThrow('more than twice the 12 bytes of the weights');
  });

  it('refuses every element but those of the format, wherever it stands', () => {
    for (const tag of ['layer', 'data', 'port', 'dim', 'edge', 'layers', 'edges', 'net']) {
      const at = NET.search(new RegExp(`<${tag}[ />]`));
      const renamed =
        NET.slice(0, at) + NET.slice(at).replaceAll(new RegExp(`(</?)${tag}(?=[ />])`, 'g'), '$1other');
      expect(() => readOpenVino(renamed, BIN), tag).toThrow();
      const added = NET.replace(new RegExp(`(<${tag}(?: [^>]*[^/])?>)`), '$1<other/>');
      if (added !== NET) expect(() => readOpenVino(added, BIN), tag).toThrow();
    }
  });

  it('reads a megabyte of text in pieces in a second', () => {
    const pieces = NET.replace('<meta_data>', `<meta_data>${'text<a/>'.repeat(130_000)}`);
    const begun = performance.now();
    expect(readOpenVino(pieces, BIN).layers.size).toBe(4);
    expect(performance.now() - begun).toBeLessThan(1000);
  });

  it('refuses a text cut off anywhere', () => {
    for (let length = 0; length < NET.length; length += 7) {
      expect(() => readOpenVino(NET.slice(0, length), BIN)).toThrow();
    }
  });

  it('gives a network that is no mapping network to nobody', () => {
    expect(() => readMapping(readOpenVino(NET, BIN))).toThrow("Expected Multiply but received Add 'sum'");
  });
});
