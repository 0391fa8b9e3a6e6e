/**
 * Lets programs reach the npm registry and no other host, and remembers what else they asked for. It is a proxy, for
 * npm, and a module that every Node process loads first, for programs that ask no proxy.
 */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';

export class OnlyRegistry {
  readonly #server: Server;
  readonly #log: string;
  readonly #preload: string;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, log: string, preload: string) {
    this.#server = server;
    this.#log = log;
    this.#preload = preload;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined);
    });
  }

  /** @param folder for its own files */
  static async start(registry: URL, folder: string): Promise<OnlyRegistry> {
    const log = join(folder, 'refused.log');
    const preload = join(folder, 'refuse.cjs');
    await writeFile(log, '');
    await writeFile(preload, refusingModule(log));
    const allowed = `${registry.hostname}:${registry.port || (registry.protocol === 'http:' ? '80' : '443')}`;
    const refuse = (host: string) => appendFile(log, `${host}\n`);
    const server = createServer((incoming, response) => {
      const url = new URL(incoming.url!, registry);
      if (url.host !== registry.host) return void refuse(url.host).then(() => response.writeHead(403).end());
      const outgoing = request(url, { method: incoming.method, headers: incoming.headers }, (answer) =>
        answer.pipe(response.writeHead(answer.statusCode!, answer.headers)),
      );
      incoming.pipe(outgoing.on('error', () => response.destroy()));
    });
    server.on('connect', (incoming, socket: Socket) => {
      socket.on('error', () => undefined);
      if (incoming.url !== allowed)
        return void refuse(incoming.url!).then(() => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
      const [, host, port] = /^(.+):(\d+)$/.exec(allowed)!;
      const upstream = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('close', () => upstream.destroy());
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    return new OnlyRegistry(server, log, preload);
  }

  /** For the programs. */
  get env(): NodeJS.ProcessEnv {
    const proxy = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'GLOBAL_AGENT_HTTP_PROXY', 'GLOBAL_AGENT_HTTPS_PROXY'];
    return {
      ...Object.fromEntries([...names, ...names.map((name) => name.toLowerCase())].map((name) => [name, proxy])),
      NO_PROXY: undefined,
      no_proxy: undefined,
      NODE_OPTIONS: `--require ${JSON.stringify(this.#preload)}`,
    };
  }

  /** What else was asked for, as HOST or HOST:PORT. */
  async refused(): Promise<string[]> {
    return (await readFile(this.#log, 'utf8')).split('\n').filter((line) => line !== '');
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => void this.#server.close(resolve));
  }
}

/** Refuses every connection of its process that does not stay on this machine. */
function refusingModule(log: string): string {
  return `
const { appendFileSync } = require('node:fs');
const { Socket } = require('node:net');
const { connect } = Socket.prototype;
Socket.prototype.connect = function (...args) {
  const [first, second] = Array.isArray(args[0]) ? args[0] : args;
  const { path, host, port } = typeof first === 'object' ? first : { port: first, host: second };
  if (path || [undefined, 'localhost', '127.0.0.1', '::1'].includes(host)) return connect.apply(this, args);
  appendFileSync(${JSON.stringify(log)}, host + ':' + port + '\\n');
  process.nextTick(() => this.destroy(Object.assign(new Error('refused by a test'), { code: 'ECONNREFUSED' })));
  return this;
};`;
}
