/** OpenVINO networks as the mapping network's, with few layers. */
import { readOpenVino } from '../../src/models/convert/openvino.js';
import { isAccident, type Target, texts } from './target.js';

const port = (id: number, dims: readonly number[], precision = 'FP32'): string =>
  `<port id="${id}" precision="${precision}">${dims.map((d) => `<dim>${d}</dim>`).join('')}</port>`;
const edge = (from: number, out: number, to: number, into: number): string =>
  `<edge from-layer="${from}" from-port="${out}" to-layer="${to}" to-port="${into}"/>`;
const constant = (id: number, type: 'f32' | 'i64', dims: readonly number[], offset: number, size: number) =>
  `<layer id="${id}" name="c${id}" type="Const" version="opset1"><data element_type="${type}" shape="${dims.join(', ')}" offset="${offset}" size="${size}"/><output>${port(0, dims, type === 'i64' ? 'I64' : 'FP32')}</output></layer>`;
const net = (layers: string, edges: string): string =>
  `<?xml version="1.0" ?><net name="tiny" version="10"><layers>${layers}</layers><edges>${edges}</edges><meta_data><MO_version value="2021"/></meta_data></net>`;

const INPUT = `<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1, 2" element_type="f32"/><output>${port(0, [1, 2])}</output></layer>`;
const RESULT = `<layer id="3" name="y" type="Result" version="opset1"><input>${port(0, [1, 2])}</input></layer>`;

const ADD = net(
  `${INPUT}${constant(1, 'f32', [1, 2], 4, 8)}<layer id="2" name="sum" type="Add" version="opset1"><data auto_broadcast="numpy"/><input>${port(0, [1, 2])}${port(1, [1, 2])}</input><output>${port(2, [1, 2])}</output></layer>${RESULT}`,
  edge(0, 0, 2, 0) + edge(1, 0, 2, 1) + edge(2, 2, 3, 0),
);
const MEAN = net(
  `${INPUT}${constant(1, 'i64', [1], 0, 8)}<layer id="2" name="mean" type="ReduceMean" version="opset1"><data keep_dims="true"/><input>${port(0, [1, 2])}${port(1, [1], 'I64')}</input><output>${port(2, [1, 2])}</output></layer>${RESULT}`,
  edge(0, 0, 2, 0) + edge(1, 0, 2, 1) + edge(2, 2, 3, 0),
);

const TOKENS = [
  '<!DOCTYPE x [<!ENTITY a "b">]>', '<!-- x -->', '<![CDATA[x]]>', '&lt;', '&x;', '&#65;', '<layer>', '</layer>', '<port/>', '<dim>-1</dim>',
  '<dim>4294967296</dim>', 'type="Swish"', 'type="constructor"', 'precision="toString"', 'precision="I32"', '__proto__', 'type="Const"',
  'offset="0"', 'size="99999999999"', '<net>', '</net>', '<a>', '<a b="c"/>', ' ', '"', '<', '>', '\u{feff}', 'version="opset3"',
]; // biome-ignore format: pieces of XML

const utf8 = new TextDecoder();
const WEIGHTS = new Uint8Array(64);

export const openVinoTarget = async (): Promise<Target> => ({
  seeds: texts(ADD, MEAN),
  tokens: texts(...TOKENS),
  maxBytes: 65_536,
  read: (bytes) => readOpenVino(utf8.decode(bytes), WEIGHTS),
  isRefusal: (error) => !isAccident(error),
});
