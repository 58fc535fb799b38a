// Generated from openapi.yaml by `npm run client`; edit the route schemas of the service and run it again.

/** Bytes to send. A `Buffer` is a `Uint8Array`, a `File` is a `Blob`. */
export type Binary = Blob | ArrayBuffer | Uint8Array;

/** RFC 9457 problem document; some codes add members. */
export type Problem = {
  /** URN of the kind of problem. */
  type: string;
  /** The kind of problem in one sentence. */
  title: string;
  /** HTTP status. */
  status: number;
  /** What was received, what is expected, what to do. */
  detail?: string;
  /** Stable code to switch on. */
  code: "BAD_REQUEST" | "UNAUTHORIZED" | "FORBIDDEN" | "SIGNATURE_INVALID" | "SIGNATURE_EXPIRED" | "RATE_LIMITED" | "QUOTA_EXCEEDED" | "QUEUE_FULL" | "IMAGE_MISSING" | "IMAGE_UNSUPPORTED" | "IMAGE_UNREADABLE" | "IMAGE_TOO_LARGE" | "FACE_NOT_FOUND" | "FACE_INDEX_UNKNOWN" | "TOO_MANY_FACES" | "NOTHING_ACCEPTED" | "NOT_FOUND" | "METHOD_NOT_ALLOWED" | "EMBEDDING_NOT_FOUND" | "IMAGE_NOT_READY" | "EMBEDDING_NOT_READY" | "EMBEDDING_FINISHED" | "IDEMPOTENCY_KEY_REUSED" | "IDEMPOTENCY_IN_FLIGHT" | "WEBHOOK_NOT_FOUND" | "DELIVERY_NOT_FOUND" | "WEBHOOK_URL_REFUSED" | "WEBHOOK_LIMIT" | "WEBHOOK_DISABLED" | "FORMAT_UNAVAILABLE" | "GENERATOR_MISMATCH" | "LATENT_INVALID" | "LATENT_GENERATOR_MISMATCH" | "ORIGINAL_NOT_KEPT" | "LATENT_DIVERGED" | "ENGINE_FAILED" | "UNSUPPORTED_MEDIA_TYPE" | "PAYLOAD_TOO_LARGE" | "BUSY" | "UNAVAILABLE" | "BLOB_DAMAGED" | "STORAGE_LOW" | "INTERNAL";
  /** Id of the request, also in the log. */
  instance: string;
  [member: string]: unknown;
};

/** A photo on its way into W+, or arrived there. */
export type Embedding = {
  /** Id of the embedding. */
  id: string;
  /** Where the embedding stands. `expired`: its retention has ended; photo, images and latent are deleted. */
  state: "queued" | "running" | "succeeded" | "failed" | "cancelled" | "expired";
  /** When it was posted. */
  createdAt: string;
  /** When the latest attempt began. */
  startedAt?: string;
  /** When it succeeded, failed or was cancelled. */
  finishedAt?: string;
  /** When everything of it is deleted; null: not before somebody asks for it. */
  expiresAt: string | null;
  /** Words to find it by; in a form one field, separated by commas. */
  labels?: string[];
  /** The client's own name for it, such as the id of a user's photo. */
  reference?: string;
  /** Among the waiting jobs, high ones come first, then normal ones, then low ones. Default: "normal". */
  priority?: "high" | "normal" | "low";
  /** `latent-only`: photo and aligned face are deleted as soon as the embedding is finished; latent and reconstruction stay. Default: "all". */
  store?: "all" | "latent-only";
  /** True: its latent was sent. There is no photo, and `options` mean nothing. */
  imported?: boolean;
  options: {
    /** Gives every option that is left out. `draft`: a first look within seconds; `standard`; `best`: three times the steps; `paper`: the protocol of the paper. Default: "standard". */
    preset?: "draft" | "standard" | "best" | "paper";
    /** Number of Adam steps. Default: 200. */
    steps: number;
    /** Peak Adam learning rate in units of `space`. Default: 0.2. */
    learningRate: number;
    /** Learning rate from step to step. `ramp`: up over the first 10 % and down over the last 50 % of the steps. Default: "ramp". */
    schedule?: "ramp" | "constant";
    /** Coordinates in which Adam moves. `pn`: whitened, one unit is about one standard deviation of the generator's own latents. `w`: W itself, as in the paper; take learning rates of 0.01 to 0.05. Default: "pn". */
    space: "pn" | "w";
    /** How strongly a prior holds the latent near the generator's own, where morphs and style mixing look natural, at some cost of likeness. 0: no prior. Only with the space `pn`; in `w` it is 0. Default: 0.5. */
    editability?: number;
    /** The paper's lambda_pixel: weight of ||G(W) - I||_2 beside the perceptual loss. Default: 0. */
    pixelWeight: number;
    /** Weight of LPIPS beside the loss of the paper, which is some 5,000. Default: 30000. */
    lpipsWeight?: number;
    /** Number of free style vectors; fewer than 16 are tied in equal consecutive groups. Default: 16. */
    styles: 1 | 2 | 4 | 8 | 16;
    /** Where the projection starts. `encoder`: the latent that a regression reads from the photo; `average`: the generator's average latent. Default: "encoder". */
    start?: "encoder" | "average";
    /** Share of the steps, the first ones, that are judged at half the side, at half the cost. Default: 0.15. */
    coarse?: number;
    /** Side in pixels at which the perceptual net judges the other steps. Default: 256. */
    side?: 224 | 256;
    /** Leaves out the last steps where they would lower the loss by less than 0.5 %. Default: true. */
    earlyStop?: boolean;
    /** Adds small Gaussian noise of this seed to the start, to try again from elsewhere. Left out: none. */
    seed?: number;
  };
  /** Width of the upright photo. */
  width?: number;
  /** Height of the upright photo. */
  height?: number;
  /** Every face found, largest first. */
  faces?: {
    box: {
      x: number;
      y: number;
      width: number;
      height: number;
    };
    /** Confidence of the detector, 0 to 1. */
    score: number;
    /** True for the face that is embedded. */
    selected: boolean;
  }[];
  /** Corners (x, y) of the aligned square in pixels of the upright photo: top left, bottom left, bottom right, top right. */
  quad?: [[number, number], [number, number], [number, number], [number, number]];
  /** Where it stands in the queue; only while it waits. */
  waiting?: {
    /** Jobs before this one. */
    position: number;
    /** Estimated time until it is finished; left out where no worker has finished a job yet. */
    seconds?: number;
  };
  progress?: {
    /** Adam steps taken. */
    step: number;
    /** Adam steps in all. */
    steps: number;
    /** 0 to 1. */
    fraction: number;
    /** Loss at `step`. */
    loss: number;
    /** Estimate. */
    secondsLeft: number;
  };
  /** Loss before each step taken. */
  losses?: number[];
  /** Steps taken, where `earlyStop` left out the rest. */
  stoppedAt?: number;
  /** The latest latent with a finite loss, of a projection that diverged: it is kept. */
  lastGood?: {
    /** Adam steps taken until then. */
    step: number;
    /** Loss there. */
    loss: number;
  };
  /** What was done where the projection went wrong; at most 3 times. */
  recoveries?: {
    /** Adam steps taken when it was noticed. */
    step: number;
    /** `not-finite`: loss or latent was no number; `loss`: it rose and stayed up; `contrast`: the image faded to grey. */
    cause: "not-finite" | "loss" | "contrast";
    /** Step at which it went on. */
    backTo: number;
    /** Peak rate from then on. */
    learningRate: number;
    /** Weight of the prior from then on. */
    prior: number;
  }[];
  quality?: {
    /** Final loss, sum of un-squared feature norms. */
    loss: number;
    /** LPIPS (VGG) of the reconstruction against the aligned photo at 256 px. */
    lpips: number;
    /** Terms of the loss by layer of VGG-16; `pixel` before it is multiplied by `pixelWeight`. */
    losses?: {
      conv1_1: number;
      conv1_2: number;
      conv3_2: number;
      conv4_2: number;
      pixel: number;
    };
    /** Mean squared error of values 0 to 1. */
    mse?: number;
    /** Peak signal-to-noise ratio in dB; 100 for equal images. */
    psnr?: number;
    /** Multi-scale structural similarity, at most 1. */
    msSsim?: number;
    /** Distance of the face descriptors at full resolution: below 0.45 plainly the same person, from 0.6 on another one. */
    identity?: number;
    /** P_N norm of each style: 1 for the generator's own latents; high ones morph harshly. */
    pn?: {
      mean: number;
      max: number;
      perStyle: number[];
    };
    /** Likeness and use of the latent in one word. */
    verdict?: "good" | "fair" | "poor";
    /** Why the verdict is not `good`. */
    reasons?: string[];
    /** What about the photo makes a likeness hard. */
    warnings?: {
      /** Stable code to switch on. */
      code: "TINY" | "CUT_OFF" | "TILTED" | "PROFILE" | "DARK" | "GREY" | "BLURRED" | "OCCLUDED";
      /** What is wrong with the photo and why it matters, with the measured value. */
      text: string;
    }[];
    /** Adam steps taken. */
    steps?: number;
    /** From the first look at the photo to the last measure. */
    seconds?: number;
    /** Device of the steps. */
    device?: string;
  };
  generator?: {
    /** Generator whose W+ the latent lives in. */
    name: string;
    /** sha256 of its weights. */
    hash: string;
  };
  /** Device that computed it. */
  device?: string;
  /** Duration of the projection. */
  seconds?: number;
  error?: {
    /** HTTP status that this problem has elsewhere. */
    status: number;
    /** Stable code. */
    code: string;
    /** The kind of problem. */
    title: string;
    /** What happened. */
    detail: string;
  };
  /** Only what exists is linked. */
  links: {
    /** This embedding. */
    self: string;
    /** The photo, upright, without metadata. */
    original?: string;
    /** The face as the generator expects it, 1024 px. */
    aligned?: string;
    /** The latest image of the projection, 256 px. */
    preview?: string;
    /** The generator's image of the final latent, 1024 px. */
    reconstruction?: string;
  };
};

/** Answer to several photos, or all faces, in one request. */
export type EmbeddingList = {
  /** In the order of the photos, and of the faces of each. */
  embeddings: Embedding[];
};

/** Answer to a request with `partial=true`. */
export type PartialResults = {
  /** In the order of the photos: an embedding for each face accepted, or the problem. */
  results: {
    /** Position of the photo in the request, from 0. */
    index: number;
    embedding?: Embedding;
    problem?: Problem;
  }[];
};

/** Where events are sent to. */
export type Webhook = {
  /** Id of the webhook. */
  id: string;
  /** Where events are posted to. */
  url: string;
  /** Which ends of embeddings it hears of. */
  events: ("embedding.succeeded" | "embedding.failed" | "embedding.cancelled" | "embedding.expired" | "embedding.deleted")[];
  /** For people: what it is used for. */
  description?: string;
  /** When it was made. */
  createdAt: string;
  /** First attempt that failed since one that succeeded. */
  failingSince?: string;
  /** Only of a webhook that was disabled; `POST /webhooks/{id}/enable` takes it up again. */
  disabled?: {
    /** Since when nothing is sent. */
    at: string;
    /** `gone`: it answered 410; `failing`: for five days no attempt succeeded. */
    reason: "gone" | "failing";
  };
};

/** One event on its way to one webhook. */
export type Delivery = {
  /** Id of the delivery. */
  id: string;
  /** The `webhook-id` of every attempt, by which a receiver knows what it has had. */
  message: string;
  /** What happened. */
  type: "embedding.succeeded" | "embedding.failed" | "embedding.cancelled" | "embedding.expired" | "embedding.deleted" | "webhook.test";
  /** Id of the embedding; a test has none. */
  embedding?: string;
  /** `pending`: there will be another attempt, once the webhook is enabled. */
  state: "pending" | "succeeded" | "failed";
  /** When the first attempt was due. */
  createdAt: string;
  /** When the next attempt is due; of pending ones. */
  nextAttemptAt?: string;
  /** When it succeeded, or was given up. */
  finishedAt?: string;
  /** The oldest first, at most the latest 30. */
  attempts: {
    /** When it was sent. */
    at: string;
    /** Milliseconds until the answer, or until it was given up. */
    ms: number;
    /** HTTP status of the answer. */
    status?: number;
    /** Why it did not succeed. */
    failure?: "status" | "redirect" | "timed-out" | "address-not-allowed" | "name-not-found" | "tls-failed" | "connection-failed";
  }[];
};

/** Every operation: what it takes, and what it answers by status. */
export interface Operations {
  /** This description */
  getOpenApi: {
    request: Record<never, never>;
    answers: {
      200: string;
    };
  };
  /** Liveness */
  getHealth: {
    request: Record<never, never>;
    answers: {
      200: {
        /** The process answers. */
        status: "ok";
      };
    };
  };
  /** Readiness */
  getReadiness: {
    request: Record<never, never>;
    answers: {
      200: {
        /** True when requests of every kind can be served. */
        ready: boolean;
        /** Redis answers. */
        redis: boolean;
        /** `low`: the disk is nearly full, and nothing new is stored; what is stored is served, so that `ready` may be true. */
        storage: "ok" | "low";
        /** Roles that no live worker serves. */
        missing: string[];
        /** Live workers. */
        workers: {
          /** Name of the worker process. */
          id: string;
          /** Queues it serves. */
          roles: ("embed" | "render" | "upkeep")[];
          /** Device that its warm-up really used. */
          device?: string;
          /** Generator that it has loaded. */
          generator?: {
            /** Name. */
            name: string;
            /** sha256 of the weights. */
            hash: string;
          };
          /** Milliseconds of one measured warm-up run, by role. */
          warmUpMs: {
            /** One Adam step. */
            embed?: number;
            /** One synthesis at 1024 px. */
            render?: number;
          };
          /** How many photos it projects at a time, and why; with the role `embed`. */
          batch?: {
            /** Most photos in one engine call. */
            size: 1 | 2 | 4 | 8;
            /** `set`: configured; `gpu`: the choice for GPUs; `measured`: what `speeds` say; `unmeasured`: one by one, until the worker has found time to measure; `failed`: larger ones failed. */
            why: "set" | "gpu" | "measured" | "unmeasured" | "failed";
            /** Measured once for each kind of machine. */
            speeds: {
              /** Photos in the batch. */
              batch: number;
              /** Milliseconds of an Adam step of a photo alone. */
              alone: number;
              /** Milliseconds of an Adam step for each photo of the batch. */
              together: number;
            }[];
          };
          /** Running mean of the seconds that an embedding took it; none before the first. */
          secondsPerJob?: number;
        }[];
      };
      503: {
        /** True when requests of every kind can be served. */
        ready: boolean;
        /** Redis answers. */
        redis: boolean;
        /** `low`: the disk is nearly full, and nothing new is stored; what is stored is served, so that `ready` may be true. */
        storage: "ok" | "low";
        /** Roles that no live worker serves. */
        missing: string[];
        /** Live workers. */
        workers: {
          /** Name of the worker process. */
          id: string;
          /** Queues it serves. */
          roles: ("embed" | "render" | "upkeep")[];
          /** Device that its warm-up really used. */
          device?: string;
          /** Generator that it has loaded. */
          generator?: {
            /** Name. */
            name: string;
            /** sha256 of the weights. */
            hash: string;
          };
          /** Milliseconds of one measured warm-up run, by role. */
          warmUpMs: {
            /** One Adam step. */
            embed?: number;
            /** One synthesis at 1024 px. */
            render?: number;
          };
          /** How many photos it projects at a time, and why; with the role `embed`. */
          batch?: {
            /** Most photos in one engine call. */
            size: 1 | 2 | 4 | 8;
            /** `set`: configured; `gpu`: the choice for GPUs; `measured`: what `speeds` say; `unmeasured`: one by one, until the worker has found time to measure; `failed`: larger ones failed. */
            why: "set" | "gpu" | "measured" | "unmeasured" | "failed";
            /** Measured once for each kind of machine. */
            speeds: {
              /** Photos in the batch. */
              batch: number;
              /** Milliseconds of an Adam step of a photo alone. */
              alone: number;
              /** Milliseconds of an Adam step for each photo of the batch. */
              together: number;
            }[];
          };
          /** Running mean of the seconds that an embedding took it; none before the first. */
          secondsPerJob?: number;
        }[];
      };
    };
  };
  /** Embed one or several photos, or keep a latent */
  createEmbeddings: {
    request: {
      headers?: {
        /** `wait=N` (RFC 7240): the answer may take up to N seconds, at most 60, and comes as soon as all is finished. */
        prefer?: string;
        /** Any text of 1 to 255 printable characters that is new for each request. A repetition of the request with the same key, within 24 hours, gets the embeddings that the first one made. */
        "idempotency-key"?: string;
      };
      body: {
        /** One or several photos: JPEG, PNG, WebP or AVIF. */
        image?: Binary[];
        /** In place of photos: one latent as .npy, safetensors or JSON (see `GET /embeddings/{id}/latent`). With it only `generator`, `labels`, `reference`, `priority`, `store` and `retention` are taken. */
        latent?: Binary;
        /** Gives every option that is left out. `draft`: a first look within seconds; `standard`; `best`: three times the steps; `paper`: the protocol of the paper. Default: "standard". */
        preset?: "draft" | "standard" | "best" | "paper";
        /** Number of Adam steps. Default: 200. */
        steps?: number;
        /** Peak Adam learning rate in units of `space`. Default: 0.2. */
        learningRate?: number;
        /** Learning rate from step to step. `ramp`: up over the first 10 % and down over the last 50 % of the steps. Default: "ramp". */
        schedule?: "ramp" | "constant";
        /** Coordinates in which Adam moves. `pn`: whitened, one unit is about one standard deviation of the generator's own latents. `w`: W itself, as in the paper; take learning rates of 0.01 to 0.05. Default: "pn". */
        space?: "pn" | "w";
        /** How strongly a prior holds the latent near the generator's own, where morphs and style mixing look natural, at some cost of likeness. 0: no prior. Only with the space `pn`; in `w` it is 0. Default: 0.5. */
        editability?: number;
        /** The paper's lambda_pixel: weight of ||G(W) - I||_2 beside the perceptual loss. Default: 0. */
        pixelWeight?: number;
        /** Weight of LPIPS beside the loss of the paper, which is some 5,000. Default: 30000. */
        lpipsWeight?: number;
        /** Number of free style vectors; fewer than 16 are tied in equal consecutive groups. Default: 16. */
        styles?: 1 | 2 | 4 | 8 | 16;
        /** Where the projection starts. `encoder`: the latent that a regression reads from the photo; `average`: the generator's average latent. Default: "encoder". */
        start?: "encoder" | "average";
        /** Share of the steps, the first ones, that are judged at half the side, at half the cost. Default: 0.15. */
        coarse?: number;
        /** Side in pixels at which the perceptual net judges the other steps. Default: 256. */
        side?: 224 | 256;
        /** Leaves out the last steps where they would lower the loss by less than 0.5 %. Default: true. */
        earlyStop?: boolean;
        /** Adds small Gaussian noise of this seed to the start, to try again from elsewhere. Left out: none. */
        seed?: number;
        /** Words to find it by; in a form one field, separated by commas. */
        labels?: string[];
        /** The client's own name for it, such as the id of a user's photo. */
        reference?: string;
        /** Among the waiting jobs, high ones come first, then normal ones, then low ones. Default: "normal". */
        priority?: "high" | "normal" | "low";
        /** `latent-only`: photo and aligned face are deleted as soon as the embedding is finished; latent and reconstruction stay. Default: "all". */
        store?: "all" | "latent-only";
        /** Which faces are embedded: `largest`, the index of one in the list of `POST /faces`, or `all`, each as an embedding of its own. Default: "largest". */
        face?: string;
        /** How long it is kept, from PT1M to P3650D, as an ISO 8601 duration in days, hours and minutes, or `none`: until it is deleted; without it, as the operator has set, who may also set how long is allowed. Then everything of it is deleted. */
        retention?: string;
        /** True: photos that can be embedded are accepted, whatever is wrong with others, and the answer tells about each. False: all or none. Default: false. */
        partial?: boolean;
        /** Only with `latent`: generator whose W+ it lies in, as `name:hash`; needed where the file does not tell. */
        generator?: string;
      };
    };
    answers: {
      200: Embedding | EmbeddingList | PartialResults;
      202: Embedding | EmbeddingList | PartialResults;
    };
  };
  /** Embeddings, the newest first */
  listEmbeddings: {
    request: {
      query?: {
        /** Most of one page. Default: 20. */
        limit?: number;
        /** The `next` of the page before. */
        cursor?: string;
        /** Where the embedding stands. `expired`: its retention has ended; photo, images and latent are deleted. */
        state?: "queued" | "running" | "succeeded" | "failed" | "cancelled" | "expired";
        /** 1 to 64 characters without commas and control characters. */
        label?: string;
        /** The client's own name for it, such as the id of a user's photo. */
        reference?: string;
        /** Only those created then or later, RFC 3339. */
        createdFrom?: string;
        /** Only those created earlier, RFC 3339. */
        createdBefore?: string;
      };
    };
    answers: {
      200: {
        /** The newest first. */
        embeddings: Embedding[];
        /** `cursor` of the next page; none after the last one. A page with a filter may be short, or empty, and have a next one. */
        next?: string;
      };
    };
  };
  /** The faces of a photo, and how well it shows them */
  listFaces: {
    request: {
      body: {
        /** The photo: JPEG, PNG, WebP or AVIF. */
        image: Binary;
      };
    };
    answers: {
      200: {
        /** Width of the upright photo. */
        width: number;
        /** Height of the upright photo. */
        height: number;
        /** The largest first; empty where there is none. */
        faces: {
          /** What `face` of POST /embeddings calls it. */
          index: number;
          box: {
            x: number;
            y: number;
            width: number;
            height: number;
          };
          /** Points (x, y) of the iBUG scheme in pixels of the upright photo. */
          landmarks: [number, number][];
          /** Confidence of the detector, 0 to 1. */
          score: number;
          /** Degrees, estimated from the landmarks. */
          angle: {
            /** Tilt in the picture, clockwise positive; surer than the others. */
            roll: number;
            /** Turn to the side, from where the nose lies between the ends of the jaw: beyond 40 it is a rough one. Positive: the nose points to the right of the picture. */
            yaw: number;
            /** Upwards positive, from how high the tip of the nose lies between eyes and mouth. Noses differ: an error of 10 degrees and more is usual. */
            pitch: number;
          };
          /** Detail over contrast within the face; below 0.12 it looks blurred. */
          sharpness: number;
          /** Side of the aligned square in pixels of the photo; from 256 on nothing is made up. */
          size: number;
          /** True: nothing stands in the way of a good likeness. Others can be embedded all the same. */
          fit: boolean;
          /** Why it is not fit. */
          reasons: {
            /** Stable code to switch on. */
            code: "TINY" | "CUT_OFF" | "TILTED" | "PROFILE" | "DARK" | "GREY" | "BLURRED" | "OCCLUDED";
            /** What is wrong with the photo and why it matters, with the measured value. */
            text: string;
          }[];
        }[];
      };
    };
  };
  /** State, progress and result of an embedding */
  getEmbedding: {
    request: {
      path: {
        /** Id of the embedding. */
        id: string;
      };
      headers?: {
        /** `wait=N` (RFC 7240): the answer may take up to N seconds, at most 60, and comes as soon as all is finished. */
        prefer?: string;
      };
    };
    answers: {
      200: Embedding;
    };
  };
  /** Delete an embedding with all its images, its latent and every morph made from it */
  deleteEmbedding: {
    request: {
      path: {
        /** Id of the embedding. */
        id: string;
      };
    };
    answers: {
      204: undefined;
    };
  };
  /** An image of an embedding */
  getEmbeddingImage: {
    request: {
      query: {
        /** Which image of the embedding. */
        kind: "original" | "aligned" | "reconstruction" | "preview";
        /** With the kind reconstruction. `aligned`: as it was stored; `original`: its face drawn into the photo, as in a morph. Default: "aligned". */
        placement?: "aligned" | "original";
        /** With `placement` original: longer side in pixels, at most that of the photo, which is the default up to 4096. */
        size?: number;
        /** With `placement` original: the format. Left out: what `Accept` names, or JPEG. */
        format?: "jpeg" | "png" | "webp" | "avif";
        /** With `placement` original: how little JPEG, WebP and AVIF may lose, 92 when left out. */
        quality?: number;
      };
      path: {
        /** Id of the embedding. */
        id: string;
      };
    };
    answers: {
      200: Uint8Array;
    };
  };
  /** The latent of an embedding, W+ [16,512] */
  getEmbeddingLatent: {
    request: {
      query?: {
        /** `npy`: NumPy, float32 [16,512]; `safetensors`: the same with metadata; `json`. Left out: what `Accept` names of application/x-npy, application/x-safetensors, application/json, else npy. */
        format?: "npy" | "safetensors" | "json";
      };
      path: {
        /** Id of the embedding. */
        id: string;
      };
    };
    answers: {
      200: Uint8Array | {
        /** Id of the embedding. */
        id: string;
        /** Of `values`. */
        shape: number[];
        /** What the numbers are: inputs of the synthesis. */
        space: "w+";
        /** Whose W+. */
        generator: {
          /** Name. */
          name: string;
          /** sha256 of its weights. */
          hash: string;
        };
        /** A row for each style. */
        values: number[][];
      };
    };
  };
  /** Cancel an embedding that is queued or running */
  cancelEmbedding: {
    request: {
      path: {
        /** Id of the embedding. */
        id: string;
      };
    };
    answers: {
      200: Embedding;
    };
  };
  /** State, progress, previews and result of an embedding as they come */
  getEmbeddingEvents: {
    request: {
      path: {
        /** Id of the embedding. */
        id: string;
      };
      headers?: {
        /** Id of the last event that was received: only what came after it is sent. */
        "last-event-id"?: string;
      };
    };
    answers: {
      200: ReadableStream<Uint8Array>;
      204: undefined;
    };
  };
  /** A URL for a browser, valid without a key for some time */
  createSignedUrl: {
    request: {
      body: {
        /** Path and query of an image of this API, as for `GET`; one that is signed is signed anew. */
        url: string;
        /** Seconds for which the URL shall be valid. Default: 3600. */
        expiresIn?: number;
      };
    };
    answers: {
      201: {
        /** The path with `expires`, `key` and `signature`; put the address of the service before it. */
        url: string;
        /** Until when it is valid. */
        expiresAt: string;
      };
    };
  };
  /** The morph of two embeddings */
  getMorph: {
    request: {
      query: {
        /** Embedding that keeps the weight `lambda`. */
        a: string;
        /** Embedding that gets the weight `1 - lambda`. */
        b: string;
        /** Weight of `a`. In the modes `style` and `attribute` the weights are swapped after the crossover; in `region` it is what `a` keeps in the parts: at 0 they come wholly from `b`. Default: 0.7. */
        lambda?: number;
        /** `linear` mixes every number alike, `style` swaps the weights after the style `crossover` of 16, `attribute` after the channel `crossover` of 512; `pn` mixes in P_N, where the latents of the generator are close to normal. `region` takes the `parts` of a face from `b` and leaves the rest as in `a`. Default: "linear". */
        mode?: "linear" | "style" | "attribute" | "pn" | "region";
        /** 1 to 15 with `style` (default 8), 1 to 511 with `attribute` (default 256), refused with the other modes. */
        crossover?: number;
        /** With `region`, where it is required: one or more of shape, eyes, nose, mouth, expression, hair, separated by commas. */
        parts?: string;
        /** `aligned`: the square image of the generator; `original`: its face drawn into the photo of `into`, softly along the outline and in the colours of the photo, with every pixel elsewhere as it was. Default: "aligned". */
        placement?: "aligned" | "original";
        /** With `placement` original: whose photo; `a` when left out. */
        into?: "a" | "b";
        /** Width and height of the image in pixels, at most 1024, which is the default. With `placement` original the longer side, at most that of the photo, which is the default up to 4096. */
        size?: number;
        /** Format of the image. Left out: what `Accept` names, or JPEG. */
        format?: "jpeg" | "png" | "webp" | "avif";
        /** How little JPEG, WebP and AVIF may lose; PNG loses nothing. Default: 92. */
        quality?: number;
      };
    };
    answers: {
      200: Uint8Array;
    };
  };
  /** The mix of up to eight embeddings */
  postMorph: {
    request: {
      body: {
        /** What is mixed; without weights, the mean. Negative weights lead away from an embedding. */
        latents: {
          /** Embedding that takes part. */
          id: string;
          /** Its weight in every style; 1 when it has none. */
          weight?: number;
          /** In place of `weight`: its weight in each of the 16 styles. */
          weights?: number[];
        }[];
        /** Divides the weights of each style by their sum, so that they sum to 1. Default: true. */
        normalise?: boolean;
        /** Where the mix is taken: in W, or in P_N, where the latents of the generator are close to normal. Default: "w". */
        space?: "w" | "pn";
        /** `aligned`: the square image of the generator; `original`: its face drawn into the photo of `into`, softly along the outline and in the colours of the photo, with every pixel elsewhere as it was. Default: "aligned". */
        placement?: "aligned" | "original";
        /** With `placement` original: the embedding of `latents` whose photo; the first when left out. */
        into?: string;
        /** Width and height of the image in pixels, at most 1024, which is the default. With `placement` original the longer side, at most that of the photo, which is the default up to 4096. */
        size?: number;
        /** Format of the image. Left out: what `Accept` names, or JPEG. */
        format?: "jpeg" | "png" | "webp" | "avif";
        /** How little JPEG, WebP and AVIF may lose; PNG loses nothing. Default: 92. */
        quality?: number;
      };
    };
    answers: {
      200: Uint8Array;
    };
  };
  /** Many morphs of two embeddings in one picture */
  getMorphGrid: {
    request: {
      query: {
        /** Embedding on the right, at lambda 1. */
        a: string;
        /** Embedding on the left, at lambda 0. */
        b: string;
        /** What changes from row to row: the mode, or the crossover of `mode`. Default: "modes". */
        rows?: "modes" | "crossovers";
        /** With `rows` crossovers: whose crossover changes; `style` when left out. */
        mode?: "style" | "attribute";
        /** Number of lambdas, evenly from 0 to 1. Default: 5. */
        columns?: number;
        /** Width and height of each morph in pixels. Default: 192. */
        cell?: number;
        /** Format of the image. Left out: what `Accept` names, or JPEG. */
        format?: "jpeg" | "png" | "webp" | "avif";
        /** How little JPEG, WebP and AVIF may lose; PNG loses nothing. Default: 92. */
        quality?: number;
      };
    };
    answers: {
      200: Uint8Array;
    };
  };
  /** The morph of two embeddings as a moving picture */
  getMorphAnimation: {
    request: {
      query: {
        /** Embedding at lambda 1, where the way begins unless told otherwise. */
        a: string;
        /** Embedding at lambda 0, where it ends. */
        b: string;
        /** `linear` mixes every number alike, `style` swaps the weights after the style `crossover` of 16, `attribute` after the channel `crossover` of 512; `pn` mixes in P_N, where the latents of the generator are close to normal. `region` takes the `parts` of a face from `b` and leaves the rest as in `a`. Default: "linear". */
        mode?: "linear" | "style" | "attribute" | "pn" | "region";
        /** 1 to 15 with `style` (default 8), 1 to 511 with `attribute` (default 256), refused with the other modes. */
        crossover?: number;
        /** With `region`, where it is required: one or more of shape, eyes, nose, mouth, expression, hair, separated by commas. */
        parts?: string;
        /** Lambda of the first frame. Default: 1. */
        from?: number;
        /** Lambda at the other end. Default: 0. */
        to?: number;
        /** Frames on the way there. Default: 30. */
        frames?: number;
        /** Seconds of the way there; at most 50 frames a second. Default: 2. */
        duration?: number;
        /** `linear`, or `ease-in-out`, which begins and ends at rest. Default: "linear". */
        easing?: "linear" | "ease-in-out";
        /** Goes back the way it came, which takes as long again. Default: false. */
        pingpong?: boolean;
        /** `lambda` spreads the frames evenly over lambda, `even` so that neighbours differ alike to the eye (LPIPS), which is measured once for each pair and mode. Default: "lambda". */
        pacing?: "lambda" | "even";
        /** How often WebP and GIF are shown; 0, as when left out, for ever. */
        loop?: number;
        /** Width and height in pixels; with MP4 an even number. Default: 256. */
        size?: number;
        /** `mp4` (H.264) where the service has FFmpeg. Default: "webp". */
        format?: "webp" | "gif" | "mp4";
        /** How little WebP and the frames of MP4 may lose. Default: 80. */
        quality?: number;
      };
    };
    answers: {
      200: Uint8Array;
    };
  };
  /** The perceptual path length of a morph */
  getMorphSmoothness: {
    request: {
      query: {
        /** Embedding at one end of the morph. */
        a: string;
        /** Embedding at its other end. */
        b: string;
        /** `linear` mixes every number alike, `style` swaps the weights after the style `crossover` of 16, `attribute` after the channel `crossover` of 512; `pn` mixes in P_N, where the latents of the generator are close to normal. Default: "linear". */
        mode?: "linear" | "style" | "attribute" | "pn";
        /** 1 to 15 with `style` (default 8), 1 to 511 with `attribute` (default 256), refused with the other modes. */
        crossover?: number;
      };
    };
    answers: {
      200: {
        /** Perceptual path length: mean over lambda of the squared L2 distance of VGG-16 features between the images at lambda and lambda + epsilon, over epsilon squared. */
        ppl: number;
        /** Number of lambdas, evenly spread. */
        samples: number;
        /** Step along lambda. */
        epsilon: number;
        /** `linear` mixes every number alike, `style` swaps the weights after the style `crossover` of 16, `attribute` after the channel `crossover` of 512; `pn` mixes in P_N, where the latents of the generator are close to normal. Default: "linear". */
        mode: "linear" | "style" | "attribute" | "pn";
        /** 1 to 15 with `style` (default 8), 1 to 511 with `attribute` (default 256), refused with the other modes. */
        crossover?: number;
      };
    };
  };
  /** Have the ends of embeddings posted to a URL */
  createWebhook: {
    request: {
      body: {
        /** Where events are posted to: `https://`, a host on the internet, no user name or password. */
        url: string;
        /** Which ends of embeddings it hears of. Default: ["embedding.succeeded","embedding.failed","embedding.cancelled","embedding.expired","embedding.deleted"]. */
        events?: ("embedding.succeeded" | "embedding.failed" | "embedding.cancelled" | "embedding.expired" | "embedding.deleted")[];
        /** For people: what it is used for. */
        description?: string;
      };
    };
    answers: {
      201: {
        /** Id of the webhook. */
        id: string;
        /** Where events are posted to. */
        url: string;
        /** Which ends of embeddings it hears of. */
        events: ("embedding.succeeded" | "embedding.failed" | "embedding.cancelled" | "embedding.expired" | "embedding.deleted")[];
        /** For people: what it is used for. */
        description?: string;
        /** When it was made. */
        createdAt: string;
        /** First attempt that failed since one that succeeded. */
        failingSince?: string;
        /** Only of a webhook that was disabled; `POST /webhooks/{id}/enable` takes it up again. */
        disabled?: {
          /** Since when nothing is sent. */
          at: string;
          /** `gone`: it answered 410; `failing`: for five days no attempt succeeded. */
          reason: "gone" | "failing";
        };
        /** What signs; told only now. Give it to the receiver and keep it from everybody else. */
        secret: string;
      };
    };
  };
  /** All webhooks */
  listWebhooks: {
    request: Record<never, never>;
    answers: {
      200: {
        /** The newest first. */
        webhooks: Webhook[];
      };
    };
  };
  /** A webhook and how it fares */
  getWebhook: {
    request: {
      path: {
        /** Id of the webhook. */
        id: string;
      };
    };
    answers: {
      200: Webhook;
    };
  };
  /** Delete a webhook with its deliveries */
  deleteWebhook: {
    request: {
      path: {
        /** Id of the webhook. */
        id: string;
      };
    };
    answers: {
      204: undefined;
    };
  };
  /** Give a webhook a new secret */
  rotateWebhookSecret: {
    request: {
      path: {
        /** Id of the webhook. */
        id: string;
      };
    };
    answers: {
      200: {
        /** What signs; told only now. Give it to the receiver and keep it from everybody else. */
        secret: string;
        /** Until when the secret before signs, too. */
        oldSecretUntil: string;
      };
    };
  };
  /** Take a webhook up again that was disabled */
  enableWebhook: {
    request: {
      path: {
        /** Id of the webhook. */
        id: string;
      };
    };
    answers: {
      200: Webhook;
    };
  };
  /** What was sent to a webhook, the newest first */
  listDeliveries: {
    request: {
      query?: {
        /** Most of one page. Default: 20. */
        limit?: number;
        /** The `next` of the page before. */
        cursor?: string;
      };
      path: {
        /** Id of the webhook. */
        id: string;
      };
    };
    answers: {
      200: {
        /** The newest first. */
        deliveries: Delivery[];
        /** `cursor` of the next page; none after the last one. */
        next?: string;
      };
    };
  };
  /** Send an event once more */
  redeliver: {
    request: {
      path: {
        /** Id of the webhook. */
        id: string;
        /** Id of the delivery. */
        deliveryId: string;
      };
    };
    answers: {
      202: Delivery;
    };
  };
  /** Send a `webhook.test` event */
  testWebhook: {
    request: {
      path: {
        /** Id of the webhook. */
        id: string;
      };
    };
    answers: {
      202: Delivery;
    };
  };
  /** Metrics for Prometheus */
  getMetrics: {
    request: {
      query?: {
        /** `process`: of the API process that answers; `service`: queues and workers, the same from every API process; `all`: both. Default: "all". */
        scope?: "all" | "process" | "service";
      };
    };
    answers: {
      200: string;
    };
  };
}

/** How an operation is asked for. */
export interface OperationShape {
  readonly method: string;
  /** With `{name}` for each parameter in it. */
  readonly path: string;
  /** Media types of the body, the usual one first. */
  readonly contentTypes?: readonly string[];
  /** A repetition with the same key acts once. */
  readonly takesIdempotencyKey?: boolean;
  /** Statuses that are no problem. */
  readonly answers: readonly number[];
}

export const OPERATIONS: { readonly [Id in keyof Operations]: OperationShape } = {
  getOpenApi: {"method":"GET","path":"/openapi.yaml","answers":[200]},
  getHealth: {"method":"GET","path":"/healthz","answers":[200]},
  getReadiness: {"method":"GET","path":"/readyz","answers":[200,503]},
  createEmbeddings: {"method":"POST","path":"/embeddings","contentTypes":["multipart/form-data"],"takesIdempotencyKey":true,"answers":[200,202]},
  listEmbeddings: {"method":"GET","path":"/embeddings","answers":[200]},
  listFaces: {"method":"POST","path":"/faces","contentTypes":["multipart/form-data"],"answers":[200]},
  getEmbedding: {"method":"GET","path":"/embeddings/{id}","answers":[200]},
  deleteEmbedding: {"method":"DELETE","path":"/embeddings/{id}","answers":[204]},
  getEmbeddingImage: {"method":"GET","path":"/embeddings/{id}/image","answers":[200]},
  getEmbeddingLatent: {"method":"GET","path":"/embeddings/{id}/latent","answers":[200]},
  cancelEmbedding: {"method":"POST","path":"/embeddings/{id}/cancel","answers":[200]},
  getEmbeddingEvents: {"method":"GET","path":"/embeddings/{id}/events","answers":[200,204]},
  createSignedUrl: {"method":"POST","path":"/signed-urls","contentTypes":["application/json"],"answers":[201]},
  getMorph: {"method":"GET","path":"/morph","answers":[200]},
  postMorph: {"method":"POST","path":"/morph","contentTypes":["application/json"],"answers":[200]},
  getMorphGrid: {"method":"GET","path":"/morph/grid","answers":[200]},
  getMorphAnimation: {"method":"GET","path":"/morph/animation","answers":[200]},
  getMorphSmoothness: {"method":"GET","path":"/morph/smoothness","answers":[200]},
  createWebhook: {"method":"POST","path":"/webhooks","contentTypes":["application/json"],"answers":[201]},
  listWebhooks: {"method":"GET","path":"/webhooks","answers":[200]},
  getWebhook: {"method":"GET","path":"/webhooks/{id}","answers":[200]},
  deleteWebhook: {"method":"DELETE","path":"/webhooks/{id}","answers":[204]},
  rotateWebhookSecret: {"method":"POST","path":"/webhooks/{id}/rotate-secret","answers":[200]},
  enableWebhook: {"method":"POST","path":"/webhooks/{id}/enable","answers":[200]},
  listDeliveries: {"method":"GET","path":"/webhooks/{id}/deliveries","answers":[200]},
  redeliver: {"method":"POST","path":"/webhooks/{id}/deliveries/{deliveryId}/redeliver","answers":[202]},
  testWebhook: {"method":"POST","path":"/webhooks/{id}/test","answers":[202]},
  getMetrics: {"method":"GET","path":"/metrics","answers":[200]},
};
