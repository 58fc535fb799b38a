/** Where each blob lives. Everything of one embedding shares a folder, so that deleting it is one call. */
import type { EmbeddingRecord } from '../contracts.js';

export type BlobKind = keyof EmbeddingRecord['blobs'];

/** Folder of all blobs of one embedding, with the closing slash. */
export const embeddingPrefix = (id: string): string => `embeddings/${id}/`;

/** `name` is a kind, perhaps with an extension: `aligned.png`. */
export const embeddingBlob = (id: string, name: string): string => embeddingPrefix(id) + name;

/** Folder of what one attempt at an embedding writes, with the closing slash. */
export const attemptPrefix = (id: string, attempt: number): string => `${embeddingPrefix(id)}${attempt}/`;

/** Blob of a finished render; `key` is its render key. */
export const renderBlob = (key: string): string => RENDERS + key;

/** Folder of photos that are looked at once and deleted. */
export const LOOKED_AT = 'looked-at/';

/** Folder of all renders. */
export const RENDERS = 'renders/';
