/** `npm run errors`: writes `docs/errors.md`. */
import { writeFile } from 'node:fs/promises';
import { describeErrors } from '../api/describe-errors.js';

await writeFile(new URL('../../docs/errors.md', import.meta.url), describeErrors());
