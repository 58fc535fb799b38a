/** The list of all parts, as CycloneDX: npm's packages, and the archives that models, photographs and programs come from. */
import type { PinnedPackage } from '../models/packages.js';

export interface Component {
  'bom-ref': string;
  type: string;
  name: string;
  version: string;
  purl?: string;
  [other: string]: unknown;
}

export interface Bom {
  bomFormat: string;
  components: Component[];
  dependencies?: { ref: string; dependsOn: string[] }[];
  metadata?: { component?: { 'bom-ref': string } };
  [other: string]: unknown;
}

/** CycloneDX component of an archive, with its licence and the hash by which it is checked. */
export function componentOf({
  index,
  name,
  version,
  sha256,
  licence,
  source,
  file,
}: PinnedPackage): Component {
  const purl = `pkg:${index}/${name.toLowerCase().replaceAll('_', '-')}@${version}`;
  return {
    'bom-ref': purl,
    type: 'data',
    name,
    version,
    purl: `${purl}?file_name=${encodeURIComponent(file)}`,
    hashes: [{ alg: 'SHA-256', content: sha256 }],
    licenses: [{ license: { name: licence } }],
    externalReferences: [{ type: 'vcs', url: source }],
  };
}

/** npm's list with the pinned archives, on which the project depends directly. Throws when it is no CycloneDX list. */
export function withArchives(bom: Bom, archives: readonly PinnedPackage[]): Bom {
  if (bom.bomFormat !== 'CycloneDX' || !Array.isArray(bom.components))
    throw new Error(`Expected a list of CycloneDX from npm sbom but received '${bom.bomFormat}'`);
  const added = archives.map(componentOf);
  const refs = added.map((one) => one['bom-ref']);
  const root = bom.metadata?.component?.['bom-ref'];
  return {
    ...bom,
    components: [...bom.components, ...added],
    dependencies: [
      ...(bom.dependencies ?? []).map((one) =>
        one.ref === root ? { ...one, dependsOn: [...one.dependsOn, ...refs] } : one,
      ),
      ...refs.map((ref) => ({ ref, dependsOn: [] })),
    ],
  };
}
