/** The models, and what fetches them. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { verifyModels } from '../../models/convert/models.js';
import { type Finding, failed, ok, type Surroundings, warning } from './finding.js';

const PULL = 'Run `npx latentmorph models pull`.';

export async function checkModels({ config: { modelsDir } }: Surroundings): Promise<Finding> {
  const { manifest, broken } = await verifyModels(modelsDir);
  if (!manifest) return failed('Models', `none of this version in ${modelsDir}`, PULL);
  if (broken.length > 0)
    return failed('Models', `${broken.join(', ')} in ${modelsDir} missing, partial or changed`, PULL);
  return ok('Models', `${Object.keys(manifest.files).length} files, each as its manifest says`);
}

/** Python's pip fetches the packages that hold the models: only where they are missing it is needed. */
export async function checkPython({ env }: Surroundings, modelsAreThere: boolean): Promise<Finding> {
  const judge = modelsAreThere ? warning : failed;
  const needed = modelsAreThere ? 'Needed when models are to be fetched again' : 'Needed to fetch the models';
  try {
    const { stdout } = await promisify(execFile)('python3', ['-m', 'pip', '--version'], {
      ...(env && { env: { ...env } }),
    });
    return ok('Python', stdout.trim().replace(/ from .* \(/, ' ('));
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return isMissing
      ? judge('Python', 'python3 is not on the PATH', `${needed}: install Python 3 with pip.`)
      : judge('Python', 'python3 has no pip that runs', `${needed}. Debian: apt-get install python3-pip.`);
  }
}
