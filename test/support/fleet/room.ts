/** What a file of fault tests shares: one fleet with a client, a receiver of webhooks, and a way past the proxy to Redis. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { type Receiver, startReceiver } from '../webhook-receiver.js';
import { Fleet, type FleetOptions } from './fleet.js';
import { FleetClient } from './fleet-client.js';

const SETTINGS = {
  LATENTMORPH_WEBHOOK_PRIVATE: 'allow',
  LATENTMORPH_BATCH: '1',
  LATENTMORPH_THREADS: '1',
  LATENTMORPH_RATE_PER_MINUTE: '0',
};

export interface Room {
  fleet: Fleet;
  client: FleetClient;
  redis: Redis;
  receiver: Receiver;
  /** Types of the webhooks that came about an embedding, repetitions of the same event counted once. */
  heard(id: string): string[];
}

/** Started before the tests of the file, stopped after them; its fields are there only within tests. */
export function useFleet(options: FleetOptions = {}): Room {
  const room = {
    heard(id: string): string[] {
      const events = room.receiver.received.flatMap(({ body, headers }) => {
        const { type, data } = JSON.parse(body) as { type: string; data: { id: string } };
        return data.id === id ? [[headers['webhook-id'], type] as const] : [];
      });
      return [...new Map(events).values()];
    },
  } as Room;
  beforeAll(async () => {
    room.receiver = await startReceiver();
    room.fleet = await Fleet.start({ ...options, env: { ...SETTINGS, ...options.env } });
    room.client = new FleetClient(room.fleet.url);
    room.redis = new Redis(room.fleet.redisUrl, { maxRetriesPerRequest: null });
    room.redis.on('error', () => undefined);
    await room.client.hook(room.receiver.url);
  });
  afterAll(async () => {
    room.redis?.disconnect();
    await room.fleet?.stop();
    await room.receiver?.close();
  });
  return room;
}
