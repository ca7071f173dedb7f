// A browser and what every check needs: a page of the node, and a look at it for whatever a person could not read.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import path from "node:path";
import { crc32 } from "node:zlib";

const MODULES = process.env.AIOS_BROWSER_MODULES;
const require = createRequire(path.join(MODULES, "package.json"));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const NODE = process.env.AIOS_NODE;
export const OUT = process.env.AIOS_BROWSER_OUT;
const SIZES = { small: [360, 780], usual: [1280, 860], wall: [2560, 1440] };

/** How long something may take that is waited for. */
export const SOON = 15_000;

export function launch() {
  return chromium.launch({
    executablePath: process.env.AIOS_CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
  });
}

/** A browser that came by a link, and what went wrong in it. */
export async function visitor(browser, link, { size = "usual", scheme = "light" } = {}) {
  const [width, height] = SIZES[size];
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: "reduce" });
  context.setDefaultTimeout(SOON);
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("console", (message) => { if (message.type() === "error" && !/status of 40[0-9]|ERR_CONNECTION|ERR_EMPTY_RESPONSE|status of 503/.test(message.text())) wrong.push(message.text()); });
  page.on("dialog", (dialog) => { wrong.push(`a script of somebody else ran: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => { if (!request.url().startsWith(NODE) && !request.url().startsWith("blob:")) wrong.push(`asked elsewhere: ${request.url()}`); });
  if (link) await page.goto(link);
  return { context, page, wrong };
}

export function equal(found, expected, what) {
  if (found !== expected) throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
}

export function holds(is, what) {
  if (!is) throw new Error(what);
}

/** What a reader with a screen reader, a keyboard or weak eyes would stumble over. */
export async function reads(page, what) {
  const found = await page.evaluate(async (source) => {
    if (!window.axe) (0, eval)(source);
    const { violations } = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 2).map((node) => node.html.slice(0, 200)).join(" | ")}`);
  }, AXE);
  equal(found.join("\n"), "", `${what} violates WCAG 2.1 AA`);
  const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  holds(beyond <= 0, `${what} is ${beyond} pixels wider than the screen`);
}

/** Goes to a view without loading the page anew. */
export async function view(page, hash) {
  await page.evaluate((to) => { location.hash = to; }, hash);
  await page.waitForFunction((to) => location.hash === to, hash);
}

/** Asks the node in the page's name. */
export function ask(page, where, body) {
  return page.evaluate(async ([to, send]) => {
    const init = send === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(send) };
    const response = await fetch(to, init);
    return { status: response.status, body: await response.json().catch(() => null) };
  }, [where, body]);
}

/** Waits until a look at the page says yes. */
export async function until(what, look) {
  const end = Date.now() + SOON;
  let last;
  for (;;) {
    try { if (await look()) return; } catch (error) { last = error; }
    if (Date.now() > end) throw new Error(`${what} did not come about${last ? `: ${last.message}` : ""}`);
    await new Promise((later) => setTimeout(later, 50));
  }
}

/** Carries checks out one after another and tells of each; ends with how many failed. */
export async function carry(checks) {
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    const begun = Date.now();
    try {
      await check();
      console.log(`ok ${name} (${Date.now() - begun} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${name}: ${error.stack ?? error}`);
    }
  }
  return failed;
}

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

function chunks(picture) {
  const found = [];
  for (let at = 8; at < picture.length;) {
    const length = picture.readUInt32BE(at);
    found.push({ type: picture.toString("latin1", at + 4, at + 8), data: picture.subarray(at + 8, at + 8 + length) });
    at += length + 12;
  }
  return found;
}

/** Pictures of one size as one that moves, each for so long: an animated PNG, of which a reader that knows none shows the first. */
export function film(pictures, ms) {
  const frames = pictures.map(chunks);
  const header = frames[0].find(({ type }) => type === "IHDR").data;
  const count = Buffer.alloc(8);
  count.writeUInt32BE(frames.length);
  const out = [SIGNATURE, chunk("IHDR", header), chunk("acTL", count)];
  let number = 0;
  frames.forEach((frame, index) => {
    const control = Buffer.alloc(26);
    control.writeUInt32BE(number++, 0);
    header.copy(control, 4, 0, 8);
    control.writeUInt16BE(ms[index], 20);
    control.writeUInt16BE(1000, 22);
    out.push(chunk("fcTL", control));
    for (const { data } of frame.filter(({ type }) => type === "IDAT")) {
      if (index === 0) { out.push(chunk("IDAT", data)); continue; }
      const place = Buffer.alloc(4);
      place.writeUInt32BE(number++);
      out.push(chunk("fdAT", Buffer.concat([place, data])));
    }
  });
  return Buffer.concat([...out, chunk("IEND", Buffer.alloc(0))]);
}
