/** Looks at everything that the service needs, and says of each thing that is wrong what to do. */
import { type Config, type Env, loadConfig } from '../../config.js';
import { type Finding, failed, ok } from './finding.js';
import { checkBucket, checkData, checkDevice, checkMemory, checkPort } from './machine.js';
import { checkModels, checkPython } from './models.js';
import { checkRedis } from './redis.js';
import { checkNode, checkPackages } from './runtime.js';

export interface Patient {
  /** That of this process where nothing is said. */
  env?: Env;
  /** As `process.versions.node` has it. */
  nodeVersion: string;
}

/** All findings, in the order in which they are to be mended. With a wrong configuration nothing behind it is looked at. */
export async function diagnose({ env, nodeVersion }: Patient): Promise<Finding[]> {
  const runtime = [checkNode(nodeVersion), await checkPackages()];
  let config: Config;
  try {
    config = loadConfig(env);
  } catch (error) {
    const [, ...problems] = (error as Error).message.split('\n');
    return [
      ...runtime,
      failed(
        'Settings',
        problems.join('; '),
        'Correct these variables; docs/guides/configuration.md lists all.',
      ),
    ];
  }
  const around = { config, env };
  const models = await checkModels(around);
  const others = await Promise.all([
    checkPython(around, models.state === 'ok'),
    checkRedis(around),
    checkPort(around),
    checkData(around),
    checkBucket(around),
    checkDevice(around),
  ]);
  const found = [...runtime, ok('Settings', 'can be read'), models, ...others, checkMemory()];
  return found.filter((finding) => finding !== undefined);
}
