/** What deploy/kubernetes says about the project, and about itself, holds. No cluster is needed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig, ROLES } from '../../src/config.js';
import type { Container, Labels, Pod, Resource, Selector } from '../support/kubernetes.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = 'deploy/kubernetes';
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface Kustomization {
  resources: string[];
}

const resourcesOf = (path: string): Resource[] =>
  parseAllDocuments(text(path)).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Resource;
  });

/** Files of a kustomization and of those that it builds upon. */
const filesOf = (folder: string): string[] => {
  const { resources } = parse(text(`${folder}/kustomization.yaml`)) as Kustomization;
  return resources.flatMap((name) => {
    const path = normalize(`${folder}/${name}`);
    return name.endsWith('.yaml') ? [path] : filesOf(path);
  });
};

const secret = resourcesOf(`${FOLDER}/secret.example.yaml`)[0]!;
const compose = parse(text('docker-compose.yml'), { merge: true }) as {
  services: Record<string, { image: string }>;
};
const openapi = parse(text('openapi.yaml')) as { paths: Record<string, unknown> };
const variables: readonly string[] = (() => {
  const names = new Set<string>();
  loadConfig(new Proxy({}, { get: (_, name) => void names.add(String(name)) }));
  return [...names];
})();
/** Milliseconds that a process has to end its work, by its source. */
const drainMs = (path: string): number =>
  Number(/^const DRAIN_MS = ([\d_]+);/m.exec(text(path))![1]!.replace('_', ''));

test('every file belongs to a kustomization, or is the example of the secret', () => {
  const all = readdirSync(join(ROOT, FOLDER), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml') && !name.endsWith('kustomization.yaml'))
    .map((name) => join(FOLDER, name));
  const used = ['cpu', 'gpu'].flatMap((name) => filesOf(`${FOLDER}/${name}`));
  expect(new Set(used)).toEqual(new Set(all.filter((path) => !path.endsWith('secret.example.yaml'))));
  expect(text('.gitignore').split('\n')).toContain(`${FOLDER}/secret.yaml`);
});

describe.each(['cpu', 'gpu'])('deploy/kubernetes/%s', (name) => {
  const resources = filesOf(`${FOLDER}/${name}`).flatMap(resourcesOf);
  const ofKind = (kind: string): Resource[] => resources.filter((resource) => resource.kind === kind);
  const named = (kind: string, wanted: string): Resource => {
    const found = ofKind(kind).find(({ metadata }) => metadata.name === wanted);
    if (!found) throw new Error(`There is no ${kind} '${wanted}'`);
    return found;
  };
  const workloads = [...ofKind('Deployment'), ...ofKind('StatefulSet')];
  const ours = ofKind('Deployment');
  const podOf = ({ spec }: Resource): Pod => spec.template.spec;
  const containersOf = (workload: Resource): Container[] => [
    ...(podOf(workload).initContainers ?? []),
    ...podOf(workload).containers,
  ];
  const config = named('ConfigMap', 'latentmorph').data!;
  /** All variables of a container, as Kubernetes would set them. */
  const environmentOf = ({ env = [], envFrom = [] }: Container): Record<string, string> => ({
    ...Object.assign({}, ...envFrom.map(({ configMapRef }) => (configMapRef ? config : secret.stringData))),
    ...Object.fromEntries(
      env.map(({ name, value, valueFrom }) => [
        name,
        value ?? secret.stringData![valueFrom!.secretKeyRef.key]!,
      ]),
    ),
  });
  const selects = ({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean =>
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, values }) => !values.includes(labels[key]!));
  const selected = (selector: Selector): string[] =>
    workloads
      .filter(({ spec }) => selects(selector, spec.template.metadata.labels))
      .map(({ metadata }) => metadata.name);

  test('is of one namespace, with names of their own', () => {
    const names = resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    const [namespace] = ofKind('Namespace');
    for (const { kind, metadata } of [...resources, secret])
      if (kind !== 'Namespace') expect(metadata.namespace).toBe(namespace!.metadata.name);
  });

  test('has workers of all roles; those that embed are asked for by the overlay', () => {
    const roles = ours.flatMap((workload) => {
      const { LATENTMORPH_ROLES } = environmentOf(podOf(workload).containers[0]);
      return LATENTMORPH_ROLES?.split(',') ?? [];
    });
    expect(roles.sort()).toEqual([...ROLES].sort());
    const worker = podOf(named('Deployment', `worker-embed-${name}`)).containers[0];
    expect(environmentOf(worker)).toMatchObject({
      LATENTMORPH_ROLES: 'embed',
      LATENTMORPH_DEVICE: name === 'gpu' ? 'cuda' : 'cpu',
    });
    expect(worker.image).toBe(`latentmorph:${name}`);
    expect(worker.resources.limits['nvidia.com/gpu']).toBe(name === 'gpu' ? 1 : undefined);
  });

  test('runs images of docker-compose.yml, and programs of ours', () => {
    const images = Object.values(compose.services).map(({ image }) => image);
    for (const { image } of workloads.flatMap(containersOf)) expect(images).toContain(image);
    for (const { command } of ours.flatMap(containersOf)) {
      const [, program] = /dist\/([\w/-]+)\.js/.exec(command!.join(' ')) ?? [];
      expect(existsSync(join(ROOT, `src/${program}.ts`))).toBe(true);
    }
  });

  test('sets variables that the configuration reads, to values that it takes', () => {
    const known = [...variables, ...Object.keys(secret.stringData!)];
    for (const container of ours.flatMap(containersOf)) {
      const environment = environmentOf(container);
      expect(known).toEqual(expect.arrayContaining(Object.keys(environment)));
      expect(() => loadConfig(environment)).not.toThrow();
    }
    for (const workload of ours) {
      const { blobs, redisUrl } = loadConfig(environmentOf(podOf(workload).containers[0]));
      expect(blobs.kind).toBe('s3');
      const { hostname, port, password } = new URL(redisUrl!);
      expect(named('Service', hostname).spec.ports![0]!.port).toBe(Number(port));
      expect(password).toBe(secret.stringData!.REDIS_PASSWORD);
    }
  });

  test('takes values from config maps and secrets that exist', () => {
    for (const { env = [], envFrom = [] } of workloads.flatMap(containersOf)) {
      for (const { configMapRef, secretRef } of envFrom)
        expect([configMapRef?.name, secretRef?.name]).toContain(
          configMapRef ? named('ConfigMap', 'latentmorph').metadata.name : secret.metadata.name,
        );
      for (const { valueFrom } of env)
        if (valueFrom) {
          expect(valueFrom.secretKeyRef.name).toBe(secret.metadata.name);
          expect(Object.keys(secret.stringData!)).toContain(valueFrom.secretKeyRef.key);
        }
    }
  });

  test('asks the API for probes that exist, where it listens', () => {
    const [api] = podOf(named('Deployment', 'api')).containers;
    const { port } = loadConfig(environmentOf(api));
    expect(api.ports).toEqual([{ name: 'http', containerPort: port }]);
    const probes = [api.startupProbe, api.livenessProbe, api.readinessProbe].map((probe) => probe!.httpGet!);
    expect(probes.map(({ path }) => path)).toEqual(['/healthz', '/healthz', '/readyz']);
    expect(Object.keys(openapi.paths)).toEqual(expect.arrayContaining(probes.map(({ path }) => path)));
    expect(new Set(probes.map((probe) => probe.port))).toEqual(new Set(['http']));
    expect(environmentOf(api).HOST).toBe('0.0.0.0');
  });

  test('has selectors that find what they mean', () => {
    for (const workload of workloads) {
      expect(selected(workload.spec.selector)).toEqual([workload.metadata.name]);
      for (const { labelSelector } of podOf(workload).topologySpreadConstraints ?? [])
        expect(selected(labelSelector)).toEqual([workload.metadata.name]);
    }
    for (const { metadata, spec } of ofKind('Service')) {
      expect(selected({ matchLabels: spec.selector })).toEqual([metadata.name]);
      const ports = workloads
        .flatMap(containersOf)
        .flatMap(({ ports = [] }) => ports.map(({ name }) => name));
      for (const { targetPort } of spec.ports!) expect(ports).toContain(targetPort);
    }
    for (const { spec } of ofKind('StatefulSet')) expect(named('Service', spec.serviceName!)).toBeDefined();
    for (const { metadata, spec } of ofKind('PodDisruptionBudget'))
      expect(selected(spec.selector)).toEqual([metadata.name]);
    const disrupted = ofKind('PodDisruptionBudget').map(({ metadata }) => metadata.name);
    expect(disrupted.sort()).toEqual(ours.map(({ metadata }) => metadata.name).sort());
  });

  test('lets API and workers to Redis, everybody to names, and nobody else anywhere', () => {
    const processes = ours.map(({ metadata }) => metadata.name).sort();
    const policies = Object.fromEntries(
      ofKind('NetworkPolicy').map(({ metadata, spec }) => [metadata.name, spec]),
    );
    expect(selected(policies.default!.podSelector!)).toHaveLength(workloads.length);
    expect(policies.default!.ingress).toBeUndefined();
    expect(selected(policies.outward!.podSelector!).sort()).toEqual(processes);
    const [toRedis] = policies.outward!.egress!;
    expect(selected(toRedis!.to![0]!.podSelector!)).toEqual(['redis']);
    expect(selected(policies.redis!.podSelector!)).toEqual(['redis']);
    const [fromUs] = policies.redis!.ingress!;
    expect(fromUs!.from.flatMap(({ podSelector }) => selected(podSelector!)).sort()).toEqual(processes);
    expect([toRedis!.ports[0]!.port, fromUs!.ports[0]!.port]).toEqual([6379, 6379]);
    expect(selected(policies.api!.podSelector!)).toEqual(['api']);
    expect(policies.api!.ingress![0]!.ports[0]!.port).toBe(
      podOf(named('Deployment', 'api')).containers[0].ports![0]!.containerPort,
    );
  });

  test('scales what exists, on figures that the API tells, and never to nothing', () => {
    const scalers = [...ofKind('HorizontalPodAutoscaler'), ...ofKind('ScaledObject')];
    expect(scalers.map(({ spec }) => spec.scaleTargetRef!.name)).toEqual(['api', `worker-embed-${name}`]);
    for (const { spec } of scalers) {
      const target = named(spec.scaleTargetRef!.kind, spec.scaleTargetRef!.name);
      // With a number of its own every `kubectl apply` would undo the scaler's.
      expect(target.spec.replicas).toBeUndefined();
      expect(podOf(target).containers[0].resources.requests.cpu).toBeDefined();
      expect(spec.minReplicas ?? spec.minReplicaCount).toBeGreaterThanOrEqual(1);
    }
    const triggers = ofKind('ScaledObject').flatMap(({ spec }) => spec.triggers!);
    expect(triggers.map(({ metadata }) => metadata.query)).toEqual(
      ['waiting', 'active'].map((state) => `max(latentmorph_queue_depth{queue="embed",state="${state}"})`),
    );
    for (const { metadata } of triggers) expect(Number(metadata.threshold)).toBeGreaterThan(0);
  });

  test('gives every process more time to end than it takes', () => {
    for (const workload of ours) {
      const { terminationGracePeriodSeconds: grace, containers } = podOf(workload);
      const [, program] = /dist\/([\w/-]+)\.js/.exec(containers[0].command!.join(' '))!;
      const pause = Number(containers[0].lifecycle?.preStop.exec.command[1] ?? 0);
      expect(1000 * (grace - pause)).toBeGreaterThan(2 * drainMs(`src/${program}.ts`));
    }
  });

  test('runs nothing as root, lets nothing be written but volumes, and mounts those that exist', () => {
    for (const workload of workloads) {
      const { securityContext: pod, automountServiceAccountToken } = podOf(workload);
      expect(pod).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(pod.runAsUser).toBeGreaterThan(0);
      expect(automountServiceAccountToken).toBe(false);
      const claims = workload.spec.volumeClaimTemplates ?? [];
      const volumes = [...(podOf(workload).volumes ?? []), ...claims.map(({ metadata }) => metadata)];
      for (const {
        securityContext,
        volumeMounts = [],
        resources: { requests, limits },
      } of containersOf(workload)) {
        expect(securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        for (const { mountPath } of volumeMounts) expect(['/data', '/models', '/tmp']).toContain(mountPath);
        expect(volumes.map((volume) => volume.name)).toEqual(
          expect.arrayContaining(volumeMounts.map((mount) => mount.name)),
        );
        expect([requests.cpu, requests.memory, limits.memory]).not.toContain(undefined);
      }
    }
  });

  test('keeps Redis as docker-compose.yml does', () => {
    const { image, args } = podOf(named('StatefulSet', 'redis')).containers[0];
    expect(image).toBe(compose.services.redis!.image);
    expect(args!.join(' ')).toContain(
      '--appendonly yes --appendfsync everysec --maxmemory-policy noeviction',
    );
  });
});
