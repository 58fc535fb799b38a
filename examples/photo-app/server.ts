/** `npm run example`: the photo app on port 4000, in front of the service that `npm start` runs. */
import { pathToFileURL } from 'node:url';
import { serve } from '@hono/node-server';
import { Latentmorph } from '../../clients/typescript/src/latentmorph.js';
import { loadConfig } from '../../src/config.js';
import { FACE_RECOGNITION, packageFile, packagesDir } from '../../src/models/packages.js';
import { photoApp } from './photo-app.js';

const {
  LATENTMORPH_URL = 'http://127.0.0.1:3000',
  LATENTMORPH_KEY: key,
  EXAMPLE_PORT = '4000',
} = process.env;
const packages = packagesDir(loadConfig().modelsDir);
const portrait = (name: string) => packageFile(FACE_RECOGNITION, `tests/test_images/${name}.jpg`, packages);
const portraits = { obama: await portrait('obama'), biden: await portrait('biden') };
const page = pathToFileURL('examples/photo-app/page.html');
const app = photoApp(new Latentmorph({ baseUrl: LATENTMORPH_URL, key }), portraits, page);
serve({ fetch: app.fetch, port: Number(EXAMPLE_PORT), hostname: '127.0.0.1' }, ({ port }) =>
  console.log(`Open http://127.0.0.1:${port}`),
);
