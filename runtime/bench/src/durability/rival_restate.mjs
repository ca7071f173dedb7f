// A chain of durable steps of Restate: its server in a folder of its own, the service in this process, each result in the server's log
// before the next step begins.

import { spawn } from "node:child_process";
import { readFileSync, readdirSync, statSync } from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

// The SDK is written for Node 22; the only thing it misses in Node 20 is this.
Promise.withResolvers ??= () => {
  const both = {};
  both.promise = new Promise((resolve, reject) => Object.assign(both, { resolve, reject }));
  return both;
};

const DEADLINE_MS = 120_000;
const [, modules, folder, count, result] = process.argv;
const scope = resolve(modules, "@restatedev");
const restate = await import(pathToFileURL(join(scope, "restate-sdk/dist/index.js")));
const program = join(scope, `restate-server-${process.platform}-${process.arch}`);
const { version } = JSON.parse(readFileSync(join(program, "package.json")));

let said = "";
const bench = restate.service({
  name: "bench",
  handlers: {
    chain: async (ctx, steps) => {
      for (let at = 0; at < steps; at += 1) {
        await ctx.run(`step ${at}`, () => "7".repeat(Number(result)));
      }
      return steps;
    },
  },
});

const logger = (meta, ...words) => { if (meta.level === "error") { said = words.join(" "); } };
const service = http2.createServer(restate.createEndpointHandler({ services: [bench], logger }));
const listens = (server) => new Promise((done) => server.listen(0, "127.0.0.1", () => done(server.address().port)));
const service_port = await listens(service);

// The system hands out others before it comes back to these.
const holders = [net.createServer(), net.createServer(), net.createServer()];
const ports = await Promise.all(holders.map(listens));
await Promise.all(holders.map((holder) => new Promise((done) => holder.close(done))));
const [fabric, ingress, admin] = ports.map((port) => `127.0.0.1:${port}`);
const server = spawn(join(program, "bin/restate-server"), ["--base-dir", folder, "--node-name", "bench", "--listen-mode", "tcp", "--no-logo"], {
  cwd: folder,
  env: {
    PATH: process.env.PATH,
    RESTATE_BIND_ADDRESS: fabric,
    RESTATE_ADVERTISED_ADDRESS: `http://${fabric}/`,
    RESTATE_INGRESS__BIND_ADDRESS: ingress,
    RESTATE_ADMIN__BIND_ADDRESS: admin,
    RESTATE_DISABLE_TELEMETRY: "true",
    RESTATE_LOG_FILTER: "error",
  },
  stdio: ["ignore", "ignore", "pipe"],
});
server.stderr.on("data", (text) => { said = (said + text).slice(-4096); });

const ended = new Promise((done) => server.on("exit", done));
process.on("exit", () => server.kill("SIGKILL"));
process.on("SIGTERM", () => process.exit(1));
// A service that fails is asked again without end.
setTimeout(() => {
  console.error(`no answer within ${DEADLINE_MS} ms: ${said}`);
  process.exit(1);
}, DEADLINE_MS).unref();

async function call(address, body) {
  const answer = await fetch(address, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  if (!answer.ok) {
    throw new Error(`${address}: ${answer.status} ${await answer.text()}`);
  }
  return answer.json();
}

// Until it is there; a server that ended will never be.
async function patiently(what) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await what();
    } catch (error) {
      if (tries === 600 || server.exitCode !== null) {
        throw new Error(`${error}: ${error.cause ?? ""} ${said}`);
      }
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}

const bytes = () => readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .reduce((sum, entry) => sum + statSync(join(entry.parentPath ?? entry.path, entry.name)).size, 0);

await patiently(() => call(`http://${admin}/deployments`, { uri: `http://127.0.0.1:${service_port}` }));
const chain = (steps) => call(`http://${ingress}/bench/chain`, steps);
// The first of all finds its partition, and warms both sides.
await patiently(() => chain(20));
const before = bytes();
const begun = performance.now();
await chain(Number(count));
const took = performance.now() - begun;
const size = bytes() - before;
server.kill("SIGKILL");
await ended;
console.log(JSON.stringify({ step_us: (took / count) * 1e3, step_bytes: size / count, version }));
process.exit(0);
