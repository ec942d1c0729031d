/**
 * Takes every page from the demo while it tells its story: the wall and the alarms while it burns,
 * the rest once the hazards of the story are tickets.
 *
 *   node pictures/demo.js DEMO FOLDER      (`make pictures`)
 */

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";

const PATIENCE_MS = 300_000;
const LOOK_AGAIN_MS = 500;

const [demo, folder] = process.argv.slice(2);
if (!demo || !folder) {
  console.error("usage: node pictures/demo.js DEMO FOLDER");
  process.exit(2);
}

const data = await mkdtemp(join(tmpdir(), "firegrid-pictures-"));
const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const running = spawn(resolve(demo), { cwd: data, env: { ...process.env, FIREGRID_DEMO_PORT: String(port), FIREGRID_LOG: "error" }, stdio: ["ignore", "ignore", "inherit"] });
let failed = 0;
try {
  await until("a fire burns on two floors and a pump has its ticket", async () =>
    (await kinds("alarms?kind=fire")).length >= 3 && (await kinds("tickets")).includes("pump-power"));
  failed += await take("wall", "alarm");
  await until("the hazards of the story are tickets", async () => {
    const found = await kinds("tickets");
    return ["sprinkler-pressure-low", "point-fault", "device-silent", "gateway-silent", "water-tank"].every((kind) => found.includes(kind));
  });
  failed += await take("ticket", "grid", "unit", "trends", "gateway", "people", "demo");
} finally {
  running.kill("SIGKILL");
  await rm(data, { recursive: true, force: true });
}
process.exit(failed === 0 ? 0 : 1);

function take(...words) {
  const taking = spawn(process.execPath, [join(import.meta.dirname, "take.js"), url, folder, ...words], { stdio: "inherit" });
  return new Promise((ended) => taking.on("exit", (code) => ended(code === 0 ? 0 : 1)));
}

async function kinds(resource) {
  const answer = await fetch(`${url}/api/v1/${resource}`).catch(() => null);
  return answer?.ok ? (await answer.json()).items.map((item) => item.kind) : [];
}

async function until(sentence, isTrue) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isTrue())) {
    if (Date.now() > deadline || running.exitCode !== null) throw new Error(`it never came true that ${sentence}`);
    await new Promise((again) => setTimeout(again, LOOK_AGAIN_MS));
  }
}

function freePort() {
  return new Promise((found) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => found(port));
    });
  });
}
