/** A TCP proxy on loopback that can be slow, silent or dead: what a network does between a process and its Redis. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';

/**
 * `pass`: bytes go through. `silent`: a partition; connections stay open or are accepted, and nothing comes through.
 * `refuse`: connections are reset, and new ones, too.
 */
export type ProxyMode = 'pass' | 'silent' | 'refuse';

interface Pair {
  client: Socket;
  target: Socket;
}

export class TcpProxy {
  #mode: ProxyMode = 'pass';
  #latencyMs = 0;
  readonly #pairs = new Set<Pair>();
  /** What waits for the end of a partition. */
  #held: (() => void)[] = [];

  private constructor(
    private readonly server: Server,
    private readonly target: { host: string; port: number },
  ) {
    server.on('connection', (client) => this.#join(client));
  }

  static async to(host: string, port: number): Promise<TcpProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, { host, port });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The same URL by way of this proxy. */
  through(url: string): string {
    const changed = new URL(url);
    changed.host = `127.0.0.1:${this.port}`;
    return changed.href;
  }

  /** Milliseconds that every chunk waits, in each direction. */
  set latencyMs(ms: number) {
    this.#latencyMs = ms;
  }

  /** What a partition held back comes through when it ends, as TCP would send it again. */
  set mode(mode: ProxyMode) {
    this.#mode = mode;
    if (mode === 'refuse') this.cut();
    if (mode !== 'silent') for (const release of this.#held.splice(0)) release();
  }

  /** Resets every open connection; new ones are as the mode says. */
  cut(): void {
    for (const { client, target } of this.#pairs)
      for (const socket of [client, target]) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.mode = 'refuse';
    this.server.close();
    await once(this.server, 'close');
  }

  #join(client: Socket): void {
    client.on('error', () => client.destroy());
    if (this.#mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const target = connect(this.target);
    const pair = { client, target };
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      target.destroy();
    };
    for (const socket of [client, target]) socket.setNoDelay(true).on('error', end).on('close', end);
    client.pipe(this.#line()).pipe(target);
    target.pipe(this.#line()).pipe(client);
  }

  /** One direction: chunks in order, each as late as the line is slow, none while it is silent. */
  #line(): Transform {
    return new Transform({
      transform: (chunk, _encoding, done) => {
        const pass = (): void => {
          if (this.#mode === 'silent') this.#held.push(() => done(null, chunk));
          else done(null, chunk);
        };
        if (this.#latencyMs > 0) setTimeout(pass, this.#latencyMs);
        else pass();
      },
    });
  }
}
