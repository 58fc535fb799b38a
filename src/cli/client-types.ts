/** `npm run client`: writes `clients/typescript/src/api.ts` from `openapi.yaml`. */
import { readFile, writeFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { clientApi } from '../openapi-types/client-api.js';

const root = new URL('../../', import.meta.url);
const document = parse(await readFile(new URL('openapi.yaml', root), 'utf8'));
await writeFile(new URL('clients/typescript/src/api.ts', root), clientApi(document));
