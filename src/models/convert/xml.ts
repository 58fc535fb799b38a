/** A strict reader of the XML subset that OpenVINO writes: elements, attributes and text; nothing is guessed. */

export interface Element {
  readonly tag: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  /** Text directly inside, trimmed. */
  readonly text: string;
}

interface OpenElement extends Element {
  children: Element[];
  text: string;
  /** Joined once, when the element ends. */
  readonly pieces: string[];
}

const MAX_DEPTH = 64;
const TOKEN = /<\/([\w.-]+)\s*>|<([\w.-]+)((?:\s+[\w.-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/y;
const ATTRIBUTE = /([\w.-]+)="([^"]*)"/g;
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Parses a document with one root. Comments, CDATA, DOCTYPE and entities other than the five of XML are refused. */
export function parseXml(source: string): Element {
  const root: OpenElement = { tag: '', attrs: {}, children: [], text: '', pieces: [] };
  const stack: OpenElement[] = [root];
  TOKEN.lastIndex = /^\uFEFF?<\?xml [^?]*\?>/.exec(source)?.[0].length ?? 0;
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex;
    const token = TOKEN.exec(source);
    if (!token) throw new Error(`XML that is not understood at offset ${at}: ${source.slice(at, at + 40)}`);
    const [, closed, opened, attributes, empty, text] = token;
    const top = stack.at(-1)!;
    if (text !== undefined) {
      if (top === root && text.trim()) throw new Error(`XML has text outside its root at offset ${at}`);
      top.pieces.push(decode(text));
    } else if (closed !== undefined) {
      if (stack.length === 1 || closed !== top.tag)
        throw new Error(`XML closes '${closed}' at offset ${at}, open is '${top.tag}'`);
      top.text = top.pieces.join('').trim();
      stack.pop();
    } else {
      const element: OpenElement = {
        tag: opened!,
        attrs: parseAttributes(attributes!, at),
        children: [],
        text: '',
        pieces: [],
      };
      top.children.push(element);
      if (!empty) stack.push(element);
      if (stack.length > MAX_DEPTH) throw new Error(`XML is nested deeper than ${MAX_DEPTH} elements`);
    }
  }
  if (stack.length > 1) throw new Error(`XML ends inside '${stack.at(-1)!.tag}'`);
  if (root.children.length !== 1)
    throw new Error(`Expected one XML root but received ${root.children.length}`);
  return root.children[0]!;
}

function parseAttributes(source: string, at: number): Record<string, string> {
  const out = new Map<string, string>();
  for (const [, name, value] of source.matchAll(ATTRIBUTE)) {
    if (out.has(name!)) throw new Error(`XML repeats the attribute '${name}' at offset ${at}`);
    out.set(name!, decode(value!));
  }
  return Object.fromEntries(out);
}

const decode = (text: string): string =>
  text.replace(/&([^;\s]*);?/g, (whole, name: string) => {
    const character = ENTITIES[name];
    if (character === undefined) throw new Error(`XML entity '${whole}' is not supported`);
    return character;
  });
