/** The parts of Kubernetes resources that the tests of the manifests look at. */

export type Labels = Record<string, string>;
export interface Variable {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef: { name: string; key: string } };
}
export interface Probe {
  httpGet?: { path: string; port: string };
  exec?: { command: string[] };
}
export interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  env?: Variable[];
  envFrom?: { configMapRef?: { name: string }; secretRef?: { name: string } }[];
  ports?: { name: string; containerPort: number }[];
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  lifecycle?: { preStop: { exec: { command: [string, string] } } };
  resources: { requests: Record<string, string | number>; limits: Record<string, string | number> };
  securityContext: {
    allowPrivilegeEscalation: boolean;
    readOnlyRootFilesystem: boolean;
    capabilities: { drop: string[] };
  };
  volumeMounts?: { name: string; mountPath: string }[];
}
export interface Pod {
  terminationGracePeriodSeconds: number;
  automountServiceAccountToken: boolean;
  securityContext: { runAsNonRoot: boolean; runAsUser: number; seccompProfile: { type: string } };
  topologySpreadConstraints?: { labelSelector: { matchLabels: Labels } }[];
  initContainers?: Container[];
  containers: [Container];
  volumes?: { name: string }[];
}
export interface Selector {
  matchLabels?: Labels;
  matchExpressions?: { key: string; operator: 'NotIn'; values: string[] }[];
}
/** The parts of all kinds that are looked at; each kind has some of them. */
export interface Resource {
  kind: string;
  metadata: { name: string; namespace?: string };
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  spec: {
    replicas?: number;
    selector: Selector & Labels;
    template: { metadata: { labels: Labels }; spec: Pod };
    serviceName?: string;
    ports?: { port: number; targetPort: string }[];
    volumeClaimTemplates?: { metadata: { name: string } }[];
    scaleTargetRef?: { kind: string; name: string };
    minReplicas?: number;
    minReplicaCount?: number;
    triggers?: { type: string; metadata: { query: string; threshold: string } }[];
    podSelector?: Selector;
    ingress?: { from: { podSelector?: Selector }[]; ports: { port: number }[] }[];
    egress?: { to?: { podSelector?: Selector }[]; ports: { port: number }[] }[];
  };
}
