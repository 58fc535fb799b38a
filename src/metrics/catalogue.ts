/** Every metric of the service, one row each. No label holds an id, an address or anything that a client can make up. */

export type Labels = Readonly<Record<string, string>>;

interface Row {
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: readonly string[];
  /** Upper bounds of a histogram in seconds, without infinity. */
  buckets?: readonly number[];
  /**
   * `process`: of the API process that answers. `shared`: summed in Redis, of all workers together. `read`: looked up when
   * asked for.
   */
  of: 'process' | 'shared' | 'read';
}

/** From a cached image to an upload that waits for its result. */
const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** From a render on a GPU to an embedding of thousands of steps on a CPU. */
const JOB_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];
/** From a batch on a GPU to a slow CPU. */
const STEP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5];

export const METRICS = {
  latentmorph_http_requests_total: {
    type: 'counter',
    help: 'Requests answered, by the pattern of their route; none: no route.',
    labels: ['method', 'route', 'status'],
    of: 'process',
  },
  latentmorph_http_request_seconds: {
    type: 'histogram',
    help: 'Seconds from the head of a request to the end of its answer, streams of events included.',
    labels: ['method', 'route'],
    buckets: REQUEST_SECONDS,
    of: 'process',
  },
  latentmorph_render_cache_total: {
    type: 'counter',
    help: 'Images and measurements asked for: hit, kept from before; miss, made now.',
    labels: ['result'],
    of: 'process',
  },
  latentmorph_renders_total: {
    type: 'counter',
    help: 'Jobs of the render queue that ended.',
    labels: ['kind', 'outcome'],
    of: 'shared',
  },
  latentmorph_embeddings_total: {
    type: 'counter',
    help: 'Embedding jobs that ended; abandoned: cancelled, deleted or taken over.',
    labels: ['outcome'],
    of: 'shared',
  },
  latentmorph_job_seconds: {
    type: 'histogram',
    help: 'Seconds that a worker had a job for, each attempt on its own; returned: the worker was stopping.',
    labels: ['queue', 'outcome'],
    buckets: JOB_SECONDS,
    of: 'shared',
  },
  latentmorph_step_seconds: {
    type: 'histogram',
    help: 'Seconds of an Adam step for each photo of a batch, judged at the full side.',
    labels: ['device'],
    buckets: STEP_SECONDS,
    of: 'shared',
  },
  latentmorph_blobs_damaged_total: {
    type: 'counter',
    help: 'Blobs that were not as they had been written when they were read.',
    labels: [],
    of: 'shared',
  },
  latentmorph_engine_restarts_total: {
    type: 'counter',
    help: 'Engine processes that were lost; the next call starts another.',
    labels: [],
    of: 'shared',
  },
  latentmorph_device_seconds_total: {
    type: 'counter',
    help: 'Seconds that devices worked on the embeddings of a tenant; what a batch took is divided among its photos.',
    labels: ['tenant', 'device'],
    of: 'shared',
  },
  latentmorph_queue_depth: {
    type: 'gauge',
    help: 'Jobs in a queue, by state.',
    labels: ['queue', 'state'],
    of: 'read',
  },
  latentmorph_workers: {
    type: 'gauge',
    help: 'Live workers that have a role.',
    labels: ['role'],
    of: 'read',
  },
  latentmorph_disk_free_bytes: {
    type: 'gauge',
    help: 'Free bytes of the disk of the data directory; none where blobs live in a bucket.',
    labels: [],
    of: 'read',
  },
} as const satisfies Readonly<Record<string, Row>>;

export type Metric = keyof typeof METRICS;
type Rows = typeof METRICS;

/** Names of the metrics of one type and source. */
export type MetricOf<T extends Row['type'], S extends Row['of']> = {
  [N in Metric]: Rows[N] extends { type: T; of: S } ? N : never;
}[Metric];

/** A value for each label of the metric. */
export type LabelsOf<N extends Metric> = Readonly<Record<Rows[N]['labels'][number], string>>;

/** One value as it is exposed: that of a counter, a gauge or a bucket, or the sum or count of a histogram. */
export interface Sample {
  name: string;
  labels: Labels;
  value: number;
}
