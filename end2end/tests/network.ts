import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { resolve } from "node:path";

/** The server's program. */
export const SERVER = resolve(process.env.SERVER ?? "../target/debug/server");

/** The name of a port of this machine. */
const at = (port: number) => `127.0.0.1:${port}`;

async function listening(server: Server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as { port: number }).port;
}

/** A port that nobody listens on. */
async function freePort() {
  const server = createServer();
  const port = await listening(server);
  server.close();
  await once(server, "close");
  return port;
}

/** A network between the browser and a server, which can be cut. */
export class Network {
  private readonly server = createServer((socket) => this.carry(socket));
  private readonly open = new Set<Socket>();
  private isCut = false;
  private port = 0;

  private constructor(private readonly target: string) {}

  /** One that leads to the server at `url`. */
  static async to(url: string) {
    const network = new Network(url);
    network.port = await listening(network.server);
    return network;
  }

  get url() {
    return `http://${at(this.port)}`;
  }

  /** Ends all connections, and every new one. */
  cut() {
    this.isCut = true;
    for (const socket of this.open) socket.resetAndDestroy();
  }

  heal() {
    this.isCut = false;
  }

  close() {
    this.cut();
    this.server.close();
  }

  private carry(socket: Socket) {
    const { hostname, port } = new URL(this.target);
    const other = connect(Number(port), hostname);
    for (const [end, otherEnd] of [
      [socket, other],
      [other, socket],
    ]) {
      this.open.add(end);
      end.on("error", () => otherEnd.destroy());
      end.on("close", () => {
        this.open.delete(end);
        otherEnd.destroy();
      });
    }
    if (this.isCut) socket.resetAndDestroy();
    else socket.pipe(other).pipe(socket);
  }
}

/** A server of the test's own, on the database that all tests share. */
export class OwnServer {
  private process?: ChildProcess;

  private constructor(private readonly port: number) {}

  static async start() {
    const server = new OwnServer(await freePort());
    await server.start();
    return server;
  }

  get url() {
    return `http://${at(this.port)}`;
  }

  /** Starts it, again where it was: on the same port. */
  async start() {
    this.process = spawn(SERVER, {
      cwd: "..",
      stdio: "inherit",
      env: {
        ...process.env,
        LEPTOS_OUTPUT_NAME: "app",
        LEPTOS_HASH_FILES: "true",
        LEPTOS_SITE_ROOT: process.env.LEPTOS_SITE_ROOT ?? "target/site",
        LEPTOS_SITE_ADDR: at(this.port),
      },
    });
    while (true) {
      if (this.process.exitCode !== null) throw new Error(`the server ended (${this.process.exitCode})`);
      const health = await fetch(`${this.url}/api/mizan/health`).catch(() => undefined);
      if (health?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ends it: at once, or as it wants to be ended. */
  async stop(signal: "SIGKILL" | "SIGTERM" = "SIGKILL") {
    const { process } = this;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const ended = once(process, "exit");
    process.kill(signal);
    await ended;
  }
}
