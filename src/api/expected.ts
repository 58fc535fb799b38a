/** Says in words what a schema accepts, so that every refusal can name what was expected. */

/** The part of JSON Schema that parameters of this API use. */
export interface ParameterSchema {
  type?: string;
  enum?: readonly unknown[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  maxLength?: number;
  format?: string;
  pattern?: string;
  minItems?: number;
  maxItems?: number;
}

/** `an integer from 1 to 5000`, `one of linear, style, attribute`, `true or false`. */
export function expected(schema: ParameterSchema): string {
  if (schema.enum) return `one of ${schema.enum.join(', ')}`;
  if (schema.format === 'date-time') return 'a moment such as 2026-01-31T12:00:00Z';
  if (schema.pattern !== undefined) return `a text of the form ${schema.pattern}`;
  if (schema.type === 'string') return `a text of at most ${schema.maxLength ?? 'any number of'} characters`;
  if (schema.type === 'object') return 'an object';
  if (schema.type === 'array')
    return schema.minItems === schema.maxItems
      ? `a list of ${schema.minItems}`
      : `a list of ${schema.minItems} to ${schema.maxItems}`;
  if (schema.type === 'boolean') return 'true or false';
  const article = schema.type === 'integer' ? 'an integer' : 'a number';
  const { minimum, exclusiveMinimum, maximum } = schema;
  if (minimum !== undefined && maximum !== undefined) return `${article} from ${minimum} to ${maximum}`;
  if (exclusiveMinimum !== undefined) return `${article} above ${exclusiveMinimum} and at most ${maximum}`;
  return article;
}

/** A received value, quoted and cut to a length that is safe to send back. */
export function received(value: unknown): string {
  if (Array.isArray(value)) return `${value.length} values`;
  if (value === '') return 'nothing';
  const text = String(value);
  return `'${text.length > 60 ? `${text.slice(0, 60)}...` : text}'`;
}
