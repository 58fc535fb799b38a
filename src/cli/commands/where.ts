/** Where a command works: at a service that runs, or at one that it starts for itself. */
import { Latentmorph, LatentmorphError } from '../../../clients/typescript/dist/latentmorph.js';
import { loadConfig, remoteService } from '../../config.js';
import { freePort } from '../embedded-redis.js';
import { onStop } from '../on-stop.js';
import { prepareModels } from '../prepare-models.js';
import { Service } from '../service.js';
import { EXIT } from './command.js';
import { say } from './say.js';

export const WHERE_OPTIONS = {
  url: { type: 'string' },
  key: { type: 'string' },
  local: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

export const WHERE_USAGE = `  --url URL     the service (default LATENTMORPH_URL, or http://127.0.0.1:3000)
  --key KEY     its API key (default LATENTMORPH_KEY)
  --local       starts a service for this command, on LATENTMORPH_DATA, and stops it
  --json        one JSON object as the last line of standard output`;

export interface Where {
  url?: string | undefined;
  key?: string | undefined;
  local: boolean;
}

/** Does `work` with a client of the service that was asked for. Resolves with the exit code. */
export async function withClient(
  { url = remoteService().url, key = remoteService().key, local }: Where,
  work: (client: Latentmorph, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const interrupted = new AbortController();
  onStop(() => interrupted.abort(new Error('Interrupted.')));
  try {
    if (local)
      return await withService(
        (own) => work(new Latentmorph({ baseUrl: own, key }), interrupted.signal),
        interrupted.signal,
      );
    return await work(new Latentmorph({ baseUrl: url, key, retries: 2 }), interrupted.signal);
  } catch (error) {
    if (interrupted.signal.aborted) {
      say('Interrupted.');
      return EXIT.interrupted;
    }
    if (!(error instanceof LatentmorphError)) throw error;
    say(`${error.code}: ${error.detail ?? error.message}`);
    if (!isUnreachable(error)) return EXIT.failed;
    if (error.code !== 'UNAUTHORIZED')
      say(
        'Start one with `npx latentmorph serve`, name it with --url, or have this command start its own with --local.',
      );
    return EXIT.unreachable;
  }
}

/** Whether no service was reached that lets this caller in: no other request will fare better. */
export const isUnreachable = ({ code }: LatentmorphError): boolean =>
  code === 'NO_ANSWER' || code === 'UNEXPECTED_ANSWER' || code === 'UNAUTHORIZED';

async function withService(work: (url: string) => Promise<number>, signal: AbortSignal): Promise<number> {
  const loaded = loadConfig(undefined, { LOG_LEVEL: 'warn' });
  const config = { ...loaded, host: '127.0.0.1', port: await freePort() };
  const service = new Service(config, say);
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    void service.failed.then((reason) => reject(new Error(`The service failed: ${reason}.`)));
  });
  try {
    const served = async (): Promise<number> => {
      await prepareModels(config.modelsDir, say);
      say('Starting the service ...');
      await service.start();
      return work(service.url);
    };
    return await Promise.race([served(), ended]);
  } finally {
    await service.stop();
  }
}
