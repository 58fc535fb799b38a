/** Changes of Protocol Buffers that keep every length right, so that they reach what is read after the framing. */
import { MessageWriter, readFields } from '../../src/models/graph/protobuf.js';
import type { Material, Uniform } from './mutate.js';
import { mutated } from './mutate.js';

type Node = { readonly field: number; value: bigint | Uint8Array | Node[] };

const MOST_DEPTH = 12;
const NUMBERS = [0n, 1n, 2n, 3n, 7n, 16n, 64n, 255n, 65_536n, 2n ** 31n, 2n ** 53n, -1n, -2n, -(2n ** 31n)];

/** The fields of a message, those that read as messages themselves opened; undefined where the bytes are none. */
function parsed(bytes: Uint8Array, depth = 0): Node[] | undefined {
  if (bytes.length === 0 || depth > MOST_DEPTH) return undefined;
  try {
    return [...readFields(bytes)].map(({ field, value }) => ({
      field,
      value: typeof value === 'bigint' ? value : (parsed(value, depth + 1) ?? value),
    }));
  } catch {
    return undefined;
  }
}

function written(nodes: readonly Node[]): MessageWriter {
  const out = new MessageWriter();
  for (const { field, value } of nodes) {
    if (typeof value === 'bigint') out.int(field, value);
    else if (Array.isArray(value)) out.message(field, written(value));
    else out.bytes(field, value);
  }
  return out;
}

/** All lists of fields, from the outermost on. */
const listsOf = (nodes: Node[]): Node[][] => [
  nodes,
  ...nodes.flatMap(({ value }) => (Array.isArray(value) ? listsOf(value) : [])),
];

/** One to four fields changed, doubled, dropped, or taken from elsewhere in the message. Bytes that are no message are returned. */
export function changedMessage(bytes: Uint8Array, material: Material, random: Uniform): Uint8Array {
  const root = parsed(bytes);
  if (!root) return bytes;
  const below = (n: number): number => Math.floor(random() * n);
  const lists = listsOf(root);
  for (let left = 1 + below(4); left > 0; left--) {
    const list = lists[below(lists.length)]!;
    const at = below(list.length);
    const node = list[at];
    if (!node) continue;
    const kind = random();
    if (kind < 0.1) list.splice(at, 1);
    else if (kind < 0.2) list.splice(at, 0, ...new Array<Node>(1 + below(3)).fill(node));
    else if (kind < 0.35) {
      const other = lists[below(lists.length)]!;
      const taken = other[below(other.length)];
      // A copy, so that no message comes to hold itself.
      if (taken) list.splice(at, random() < 0.5 ? 1 : 0, ...structuredClone([taken]));
    } else if (typeof node.value === 'bigint') node.value = NUMBERS[below(NUMBERS.length)]!;
    else if (!Array.isArray(node.value) || random() < 0.2) {
      const plain = Array.isArray(node.value) ? written(node.value).finish() : node.value;
      const { tokens } = material;
      node.value =
        random() < 0.5 && tokens.length > 0
          ? tokens[below(tokens.length)]!
          : mutated({ seeds: [plain.length > 0 ? plain : Uint8Array.of(0)], tokens, maxBytes: 4096 }, random);
    }
  }
  return written(root).finish();
}
