/** Asks for one address again and again over several connections, and tells how soon answers come. */
import { Agent, get, type RequestOptions } from 'node:http';

export interface Load {
  rps: number;
  p50Ms: number;
  p99Ms: number;
}

export interface LoadOptions {
  requests: number;
  connections: number;
  headers?: Record<string, string>;
}

/** Rejects when an answer is not 200 or a connection breaks. */
export async function load(url: string, { requests, connections, headers = {} }: LoadOptions): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const times: number[] = [];
  let asked = 0;
  const client = async (): Promise<void> => {
    while (asked < requests) {
      asked++;
      const begun = performance.now();
      await answered(url, { agent, headers });
      times.push(performance.now() - begun);
    }
  };
  const begun = performance.now();
  try {
    await Promise.all(Array.from({ length: connections }, client));
  } finally {
    agent.destroy();
  }
  const seconds = (performance.now() - begun) / 1000;
  const sorted = times.toSorted((a, b) => a - b);
  const quantile = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return { rps: requests / seconds, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

function answered(url: string, options: RequestOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, options, (response) => {
      response.resume();
      response.once('error', reject);
      response.once('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`${url} answered ${response.statusCode}`)),
      );
    }).once('error', reject);
  });
}
