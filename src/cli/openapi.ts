/** `npm run openapi`: writes `openapi.yaml` at the root of the package. */
import { writeFile } from 'node:fs/promises';
import { describeApi } from '../api/describe.js';

await writeFile(new URL('../../openapi.yaml', import.meta.url), await describeApi());
