/** `latentmorph serve`: serves until it is told to stop, and leaves nothing running. */
import { loadConfig } from '../../config.js';
import { freePort } from '../embedded-redis.js';
import { onStop } from '../on-stop.js';
import { prepareModels } from '../prepare-models.js';
import { Service } from '../service.js';
import { argumentsOf, type Command, EXIT, Misused } from './command.js';
import { say } from './say.js';

export const serve: Command = {
  summary: 'starts the service: API, workers, and a Redis where REDIS_URL names none',
  usage: `Usage: latentmorph serve

Serves until Ctrl-C, at http://HOST:PORT (default http://127.0.0.1:3000). Its settings are environment variables:
docs/guides/configuration.md lists them.`,
  run: async (args) => {
    const { positionals } = argumentsOf(args, {});
    if (positionals.length > 0) throw new Misused(`Unexpected '${positionals[0]}'.`);
    return main();
  },
};

async function main(): Promise<number> {
  const loaded = loadConfig();
  const config = { ...loaded, port: loaded.port || (await freePort(loaded.host)) };
  const begun = performance.now();
  const service = new Service(config, say);

  let asked = 0;
  const told = new Promise<void>((resolve) => {
    onStop((times) => {
      asked = times;
      if (times === 1) {
        say('\nStopping; press Ctrl-C again to stop at once.');
        resolve();
      } else {
        service.kill();
        process.exit(EXIT.interrupted);
      }
    });
  });

  const failure = (async (): Promise<string> => {
    await prepareModels(config.modelsDir, say);
    if (asked > 0) return new Promise(() => undefined);
    await service.start();
    say(welcome(service.url, (performance.now() - begun) / 1000));
    return service.failed;
  })().catch((error: Error) => error.message);

  const reason = await Promise.race([told, failure]);
  await service.stop();
  if (reason === undefined) return EXIT.ok;
  say(reason);
  return EXIT.failed;
}

const welcome = (url: string, seconds: number): string => `
latentmorph is ready after ${seconds.toFixed(1)} s at ${url}  (docs: ${url}/docs)

  curl -F image=@photo.jpg ${url}/embeddings
  curl ${url}/embeddings/ID
  curl -o morph.jpg '${url}/morph?a=ID&b=ID&lambda=0.5'

Ctrl-C stops it.`;
