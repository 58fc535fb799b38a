/** The TypeScript type of a JSON schema, as OpenAPI 3.1 documents of this project use them. Throws on any other keyword. */

export type Schema = Readonly<Record<string, unknown>>;

/** In a request what has a default may be left out, and bytes come in more than one form. */
export type Position = 'request' | 'answer';

/** Keywords that narrow values, and not the type. */
const SILENT = new Set([
  ...['$id', '$comment', 'title', 'description', 'default', 'example', 'examples', 'deprecated', 'format'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  ...['minLength', 'maxLength', 'pattern', 'minItems', 'maxItems', 'uniqueItems'],
  ...['minProperties', 'maxProperties', 'propertyNames', 'required', 'nullable', 'contentMediaType'],
]);
const SHAPING = ['$ref', 'const', 'enum', 'anyOf', 'oneOf', 'allOf', 'type'] as const;
const INNER = new Set(['items', 'prefixItems', 'properties', 'additionalProperties', 'patternProperties']);

/** Arrays of one length up to this are tuples. */
const LONGEST_TUPLE = 4;

export class SchemaTypes {
  readonly #components: ReadonlyMap<string, Schema>;
  /** Components that are being compared with their form in a request. */
  readonly #comparing = new Set<string>();
  /** Components that a request refers to, and that look different there. */
  readonly #inRequests = new Set<string>();

  constructor(components: Readonly<Record<string, Schema>>) {
    this.#components = new Map(Object.entries(components));
  }

  /** Declarations of all components, and of those that look different in the requests whose text was asked for before. */
  declarations(): string[] {
    const answers = [...this.#components].map(
      ([name, schema]) => `${comment(schema, '')}export type ${name} = ${this.text(schema, 'answer', name)};`,
    );
    const requests: string[] = [];
    // A set is walked to its end, with what is added on the way.
    for (const name of this.#inRequests)
      requests.push(
        `/** ${name} in a request. */\nexport type ${name}Input = ${this.text(this.#components.get(name)!, 'request', name)};`,
      );
    return [...answers, ...requests];
  }

  /** The type as text. `where` names the schema in errors; `indent` is that of the line on which it stands. */
  text(schema: Schema, position: Position, where = '', indent = ''): string {
    const unknown = Object.keys(schema).find(
      (key) => !SILENT.has(key) && !INNER.has(key) && !(SHAPING as readonly string[]).includes(key),
    );
    if (unknown) throw new Error(`The keyword '${unknown}' of the schema ${where || '(root)'} is not known.`);
    const text = this.#shape(schema, position, where, indent);
    return schema.nullable === true ? `${text} | null` : text;
  }

  #shape(schema: Schema, position: Position, where: string, indent: string): string {
    const inner = (one: Schema, name: string): string => this.text(one, position, `${where}/${name}`, indent);
    const joined = (list: unknown, by: string): string =>
      (list as Schema[]).map((one, i) => grouped(one, inner(one, `${i}`))).join(` ${by} `);
    const shaping = SHAPING.find((key) => schema[key] !== undefined);
    switch (shaping) {
      case '$ref':
        return this.#named(String(schema.$ref), position, where);
      case 'const':
        return JSON.stringify(schema.const);
      case 'enum':
        return (schema.enum as unknown[]).map((value) => JSON.stringify(value)).join(' | ');
      case 'anyOf':
      case 'oneOf':
        return joined(schema[shaping], '|');
      case 'allOf':
        return joined(schema.allOf, '&');
      case 'type': {
        const types = [schema.type].flat() as string[];
        return types.map((type) => this.#typed(type, schema, position, where, indent)).join(' | ');
      }
      default:
        return 'unknown';
    }
  }

  #typed(type: string, schema: Schema, position: Position, where: string, indent: string): string {
    switch (type) {
      case 'string':
        if (schema.format !== 'binary') return 'string';
        return position === 'request' ? 'Binary' : 'Uint8Array';
      case 'number':
      case 'integer':
        return 'number';
      case 'boolean':
      case 'null':
        return type;
      case 'array':
        return this.#array(schema, position, where, indent);
      case 'object':
        return this.#object(schema, position, where, indent);
      default:
        throw new Error(`The type '${type}' of the schema ${where || '(root)'} is not known.`);
    }
  }

  #array(schema: Schema, position: Position, where: string, indent: string): string {
    const fixed = schema.prefixItems as Schema[] | undefined;
    if (fixed)
      return `[${fixed.map((one, i) => this.text(one, position, `${where}/${i}`, indent)).join(', ')}]`;
    const items = (schema.items ?? {}) as Schema;
    const item = this.text(items, position, `${where}/items`, indent);
    const length = schema.minItems === schema.maxItems ? Number(schema.minItems) : Number.NaN;
    if (length <= LONGEST_TUPLE) return `[${Array(length).fill(item).join(', ')}]`;
    return `${grouped(items, item)}[]`;
  }

  #object(schema: Schema, position: Position, where: string, indent: string): string {
    const properties = Object.entries((schema.properties ?? {}) as Record<string, Schema>);
    const required = new Set((schema.required ?? []) as string[]);
    const deeper = `${indent}  `;
    const lines = properties.map(([name, property]) => {
      const isOptional = !required.has(name) || (position === 'request' && 'default' in property);
      const type = this.text(property, position, `${where}/${name}`, deeper);
      return `${comment(property, deeper)}${deeper}${propertyName(name)}${isOptional ? '?' : ''}: ${type};`;
    });
    const rest = restOf(schema, properties.length > 0);
    if (rest === 'refused') throw new Error(`The schema ${where} has properties beside typed other ones.`);
    if (rest) lines.push(`${deeper}[member: string]: ${this.text(rest, position, `${where}/*`, deeper)};`);
    if (lines.length === 0) return 'Record<string, never>';
    return `{\n${lines.join('\n')}\n${indent}}`;
  }

  #named(reference: string, position: Position, where: string): string {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(reference)?.[1];
    if (!name || !this.#components.has(name))
      throw new Error(`The reference '${reference}' of the schema ${where || '(root)'} leads nowhere.`);
    if (position === 'answer' || !this.#differs(name)) return name;
    if (this.#comparing.size === 0) this.#inRequests.add(name);
    return `${name}Input`;
  }

  /** Whether a component looks different in a request. One inside itself is compared without itself. */
  #differs(name: string): boolean {
    if (this.#comparing.has(name)) return false;
    this.#comparing.add(name);
    try {
      const schema = this.#components.get(name)!;
      return this.text(schema, 'request', name) !== this.text(schema, 'answer', name);
    } finally {
      this.#comparing.delete(name);
    }
  }
}

/** What other members than the named ones are: a schema, nothing, or what TypeScript cannot say. */
function restOf(schema: Schema, isBesideOthers: boolean): Schema | 'refused' | undefined {
  const patterns = Object.values((schema.patternProperties ?? {}) as Record<string, Schema>);
  const others = schema.additionalProperties;
  if (patterns.length > 1 || (isBesideOthers && patterns.length > 0)) return 'refused';
  if (patterns[0]) return patterns[0];
  if (typeof others === 'object' && others !== null) {
    if (isBesideOthers && Object.keys(others).length > 0) return 'refused';
    return others as Schema;
  }
  if (others === true) return {};
  return others === undefined && schema.properties === undefined ? {} : undefined;
}

/** The description and the default as a comment above a line, or nothing. */
export function comment({ description, default: value }: Schema, indent: string): string {
  const words = typeof description === 'string' ? [description.trim()] : [];
  if (value !== undefined) words.push(`Default: ${JSON.stringify(value)}.`);
  const text = words.join(' ').replaceAll('*/', '* /');
  return text === '' ? '' : `${indent}/** ${text} */\n`;
}

export const propertyName = (name: string): string =>
  /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);

/** In parentheses, where the type is one of several. */
function grouped({ anyOf, oneOf, allOf, enum: values, type, nullable }: Schema, text: string): string {
  const isCompound = [anyOf, oneOf, allOf, values, type].some(
    (list) => Array.isArray(list) && list.length > 1,
  );
  return isCompound || nullable === true ? `(${text})` : text;
}
