/** What a client says about an embedding beside the options of its projection. */
import { type Static, Type } from 'typebox';

export const MAX_LABELS = 16;
/** Ends of lines and other control characters; which characters there are at all is no matter. */
const CONTROL = '\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029';
/** Without the comma that separates labels in a form field. */
const LABEL_PATTERN = `^[^${CONTROL},]{1,64}$`;

export const Label = Type.String({
  pattern: LABEL_PATTERN,
  maxLength: 64,
  description: '1 to 64 characters without commas and control characters.',
  examples: ['team-photo'],
});

export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];

export const STORE_MODES = ['all', 'latent-only'] as const;
export type StoreMode = (typeof STORE_MODES)[number];

export const RequestTags = Type.Object({
  labels: Type.Optional(
    Type.Array(Label, {
      maxItems: MAX_LABELS,
      uniqueItems: true,
      description: 'Words to find it by; in a form one field, separated by commas.',
    }),
  ),
  reference: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      pattern: `^[^${CONTROL}]+$`,
      description: "The client's own name for it, such as the id of a user's photo.",
      examples: ['photo-4711'],
    }),
  ),
  priority: Type.Optional(
    Type.Enum([...PRIORITIES], {
      default: 'normal',
      description: 'Among the waiting jobs, high ones come first, then normal ones, then low ones.',
    }),
  ),
  store: Type.Optional(
    Type.Enum([...STORE_MODES], {
      default: 'all',
      description:
        '`latent-only`: photo and aligned face are deleted as soon as the embedding is finished; latent and reconstruction stay.',
    }),
  ),
});
export type RequestTags = Static<typeof RequestTags>;
