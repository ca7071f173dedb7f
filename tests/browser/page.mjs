// The page before a real node: every view as people meet it, and whoever is not to come in.
import http from "node:http";
import { NODE, OUT, ask, carry, equal, holds, launch, reads, until, view, visitor } from "./house.mjs";

const LINK = process.env.AIOS_LINK;
const READ_ONLY = process.env.AIOS_READ_ONLY_LINK;
const TABLE = process.env.AIOS_TABLE;
const EVIL = "<img src=x onerror=alert('cell')>";
const CHARTER = `---\nname: clerk\ndescription: "Counts <script>alert('name')</script> to the last cent."\ntools: [calc]\n---\n\nAdd up ${EVIL}.\n`;
/** What the first page may take, in milliseconds. */
// A page in a second is the bar of an idle machine; the time is printed, and here it is only made sure that nothing has gone wrong.
const FIRST_MS = 3000;
/** What may pass while nothing happens, in bytes a second. */
const IDLE = 5 * 1024;

const browser = await launch();
const { page, wrong } = await visitor(browser);
let goal = "";
let clerk = "";

/** Every view, with what must be seen in it. */
const views = () => ({
  tree: ["#/tree", "Supervision tree"],
  agent: [`#/tree?of=${encodeURIComponent("node/macro/macro.executor.001@local")}`, "Comes back"],
  goals: ["#/goals", "Goals"],
  goal: [`#/goals/${goal}`, "Why is it where it is?"],
  plan: [`#/goals/${goal}?tab=plan`, "Plan"],
  tasks: [`#/goals/${goal}?tab=attempts`, "Tasks and attempts"],
  judgement: [`#/goals/${goal}?tab=scores`, "The Critic's judgement"],
  facts: [`#/goals/${goal}?tab=facts`, "Facts"],
  history: [`#/goals/${goal}?tab=history`, "History"],
  compare: [`#/goals/${goal}?tab=compare`, "Beside another goal"],
  submit: ["#/goals/new", "What do you want?"],
  approvals: ["#/goals?tab=approvals", "Nobody is asked anything"],
  conversations: ["#/conversations", "Conversations"],
  agents: ["#/agents", "Agents and tools"],
  charter: [`#/agents?of=${encodeURIComponent(clerk)}`, "Charter “clerk”"],
  spawn: ["#/agents?tab=spawn", "Spawn an agent"],
  tools: ["#/agents?tab=tools", "calc"],
  servers: ["#/agents?tab=servers", "No tool servers"],
  budgets: ["#/agents?tab=budgets", "Budgets"],
  engines: ["#/engines", "Engines"],
  breakers: ["#/engines?tab=breakers", "Breakers"],
  letters: ["#/engines?tab=letters", "Dead letters"],
  audit: ["#/audit", "Audit"],
});

/** A request as a program or a page of somebody else sends it. */
function sent(path, headers, method = "GET", body = "") {
  const { hostname, port } = new URL(NODE);
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, path, method, headers }, (response) => { response.resume(); response.on("end", () => resolve(response)); });
    request.on("error", reject);
    request.end(body);
  });
}

const rowOf = (name) => page.locator(".row1", { hasText: name }).first();

const failed = await carry({
  "the first page is there at once": async () => {
    await page.goto(LINK);
    await page.locator(".row1").first().waitFor();
    equal(new URL(page.url()).search, "", "no token stays in the address");
    // A browser that knows nothing of the page yet; the best of three, since others use this machine too.
    const took = [];
    for (let time = 0; time < 3; time += 1) {
      const fresh = await visitor(browser, null);
      await fresh.context.addCookies(await page.context().cookies());
      const begun = Date.now();
      await fresh.page.goto(NODE);
      await fresh.page.locator(".row1").first().waitFor();
      took.push(Date.now() - begun);
      await fresh.context.close();
    }
    console.log(`   first page: ${took.join(", ")} ms`);
    holds(Math.min(...took) < FIRST_MS, `it took ${took.join(", ")} ms`);
  },
  "its headers let nothing in": async () => {
    for (const path of ["/", "/page/js/main.js", "/page/style.css", "/page/vendor/preact.js"]) {
      const response = await page.request.get(NODE + path);
      const headers = response.headers();
      equal(response.status(), 200, path);
      const policy = headers["content-security-policy"];
      holds(policy.includes("default-src 'none'") && policy.includes("frame-ancestors 'none'") && !policy.includes("unsafe"), `${path}: ${policy}`);
      equal(headers["x-content-type-options"], "nosniff", path);
    }
  },
  "nobody comes in without the link, with a wrong one, or from elsewhere": async () => {
    const host = new URL(NODE).host;
    for (const [path, headers, method] of [
      ["/v1/view", {}, "GET"],
      ["/v1/view", { authorization: `Bearer ${"0".repeat(64)}` }, "GET"],
      ["/v1/view", { cookie: `aios_${new URL(NODE).port}=${"0".repeat(64)}` }, "GET"],
    ]) equal((await sent(path, { host, ...headers }, method)).statusCode, 401, path);
    const cookies = await page.context().cookies();
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
    holds(cookies.every((one) => one.httpOnly && one.sameSite === "Strict"), "the cookie is out of reach of scripts and of other sites");
    equal((await sent("/v1/view", { host, cookie })).statusCode, 200, "with the cookie");
    for (const headers of [{ origin: "http://evil.example" }, { "sec-fetch-site": "cross-site" }, { host: "evil.example" }]) {
      equal((await sent("/v1/agents", { host, cookie, "content-type": "application/json", ...headers }, "POST", "{}")).statusCode, 403, JSON.stringify(headers));
    }
    const stranger = await visitor(browser, NODE);
    await stranger.page.getByRole("heading", { name: "opened by a link" }).or(stranger.page.getByRole("heading", { name: "opens by its link" })).waitFor();
    await stranger.context.close();
  },
  "a goal is submitted, watched and answered": async () => {
    await view(page, "#/goals/new");
    await page.getByLabel("What do you want?").fill(`Analyze sales ${EVIL}`);
    await page.getByLabel("Files on the node's machine").fill(TABLE);
    await page.getByRole("button", { name: "Show the plan first" }).click();
    await page.locator(".plan .task").first().waitFor();
    await reads(page, "the plan before anything is done");
    await page.getByRole("button", { name: "Begin with this plan" }).click();
    await page.waitForURL(/#\/goals\/(?!new)/);
    goal = decodeURIComponent(page.url().split("#/goals/")[1].split("?")[0]);
    await page.getByRole("heading", { name: "Answer", exact: true }).waitFor();
    await page.getByText("Why is it where it is?").waitFor();
  },
  "files that a goal has made are handed out": async () => {
    const made = page.locator("a[download]");
    await made.first().waitFor();
    const handed = await page.request.get(NODE + (await made.first().getAttribute("href")));
    equal(handed.status(), 200, "a file");
    holds((await handed.body()).length > 0, "there is something in it");
  },
  "its plan says of each task who tried it, what it took, and what the Critic said": async () => {
    await view(page, `#/goals/${goal}?tab=plan`);
    await page.locator(".plan .task").first().press("Enter");
    await page.getByText("Attempt 1").first().waitFor();
    await page.getByText(/^The Critic: \d/).first().waitFor();
    holds(page.url().includes("task="), "the task that is picked stands in the address");
    const { body } = await ask(page, `/v1/goals/${goal}/plan`);
    holds(body.critical_path.length > 0 && body.critical_path_ms > 0, "the chain that took longest");
    await reads(page, "a task of a plan");
  },
  "it is forked from a task, and the two are compared, by the keyboard alone": async () => {
    await page.getByRole("button", { name: "Fork from here" }).press("Enter");
    await page.getByRole("dialog").getByRole("button", { name: "Fork from here" }).press("Enter");
    await page.waitForURL(/tab=compare/);
    const fork = decodeURIComponent(page.url().split("#/goals/")[1].split("?")[0]);
    holds(fork !== goal && page.url().includes(`with=${goal}`), page.url());
    await page.getByText(/^(Nothing is different between the two|First this goal, then the other one)/).first().waitFor();
    await reads(page, "two goals beside each other");
    await until("the fork's answer", async () => (await ask(page, `/v1/goals/${fork}`)).body.phase === "answered");
    await view(page, `#/goals/${fork}?tab=compare&with=${goal}`);
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.getByLabel("With").waitFor();
    await until("the other goal is chosen there too", async () => (await other.getByLabel("With").inputValue()) === goal);
    await other.close();
  },
  "a goal that rests goes on at a button": async () => {
    let id = "";
    let round = 0;
    // It may be over before it is told to rest.
    await until("a goal that rests", async () => {
      id = `rests-${round += 1}`;
      equal((await ask(page, "/v1/goals", { text: "Analyze sales", data: [TABLE], goal_id: id })).status, 200, "a goal");
      return (await ask(page, `/v1/goals/${id}/pause`, {})).status === 200;
    });
    await view(page, `#/goals/${id}`);
    await page.getByRole("button", { name: "Go on with it" }).press("Enter");
    await page.getByRole("heading", { name: "Answer", exact: true }).waitFor();
  },
  "a file that is dropped in goes along with its goal": async () => {
    await view(page, "#/goals/new");
    await page.getByLabel("What do you want?").fill("Analyze sales");
    const buffer = Buffer.from(`date,region,revenue\n${Array.from({ length: 28 }, (_, day) => `2025-07-${String(day + 1).padStart(2, "0")},North,${120 + day}.50`).join("\n")}\n`);
    await page.getByLabel("Drop files here").setInputFiles({ name: "dropped.csv", mimeType: "text/csv", buffer });
    await page.getByText("dropped.csv,").waitFor();
    await reads(page, "a goal with a file");
    await page.getByRole("button", { name: "Begin", exact: true }).press("Enter");
    await page.waitForURL(/#\/goals\/(?!new)/);
    await page.getByRole("heading", { name: "Answer", exact: true }).waitFor();
  },
  "an agent is spawned from a charter that is typed in": async () => {
    await view(page, "#/agents?tab=spawn");
    await page.getByLabel("Charter", { exact: false }).first().waitFor();
    await page.locator("textarea[name=charter]").fill("---\nname: clerk\ndescriptoin: no\n---\nx\n");
    await page.getByRole("button", { name: "Spawn it" }).click();
    await page.getByRole("alert").filter({ hasText: "description" }).waitFor();
    await page.locator("textarea[name=charter]").fill(CHARTER);
    await page.getByRole("button", { name: "Spawn it" }).click();
    await page.waitForURL(/of=macro/);
    clerk = new URLSearchParams(page.url().split("?")[1]).get("of");
    await page.getByText("Charter “clerk”").waitFor();
  },
  "a tool is taken from an agent and another given to it, each asked about first": async () => {
    const box = page.getByRole("dialog");
    const tools = async () => ((await ask(page, `/v1/agents/${encodeURIComponent(clerk)}`)).body.tools ?? []).join();
    equal(await tools(), "calc", "what its charter says");
    await page.getByRole("button", { name: "Take calc from it" }).press("Enter");
    await reads(page, "the question before a tool is taken");
    await box.getByRole("button", { name: "Leave it" }).press("Enter");
    await box.waitFor({ state: "detached" });
    equal(await tools(), "calc", "nobody said that it is meant");
    await page.getByRole("button", { name: "Take calc from it" }).press("Enter");
    await box.getByRole("button", { name: "Take it" }).press("Enter");
    await page.getByText("calc, taken by a person").waitFor();
    equal(await tools(), "", "it has none");
    await page.getByLabel("Another tool").selectOption("list_files");
    await page.getByRole("button", { name: "Give …" }).press("Enter");
    await box.getByRole("button", { name: "Give it" }).press("Enter");
    await page.getByText("list_files, given by a person").waitFor();
    await reads(page, "what an agent has now");
    await page.getByRole("button", { name: "Give back calc" }).press("Enter");
    await box.getByRole("button", { name: "Give it" }).press("Enter");
    await page.getByRole("button", { name: "Take calc from it" }).waitFor();
    equal(await tools(), "calc,list_files", "both");
    const { body } = await ask(page, "/v1/audit");
    const told = body.entries.map((entry) => entry.what).filter((what) => what.includes("clerk") && /^(grant|revoke)/.test(what));
    equal(told.map((what) => what.split(" ")[0]).join(), "revoke,grant,grant", "each stands in the audit");
  },
  "what others wrote is text": async () => {
    await page.getByText("Counts <script>alert('name')</script> to the last cent.").first().waitFor();
    await page.getByText("Instructions").click();
    await page.getByText(`Add up ${EVIL}.`).waitFor();
    await view(page, `#/goals/${goal}`);
    await page.getByText(`Analyze sales ${EVIL}`).first().waitFor();
    await view(page, `#/goals/${goal}?tab=facts`);
    await page.getByText(EVIL).first().waitFor();
    equal(await page.locator("img[src=x], .prose script").count(), 0, "markup of somebody else");
  },
  "messages are drawn as they pass by, and each says whether it was verified": async () => {
    await view(page, "#/conversations");
    await page.getByText("● live", { exact: true }).last().waitFor();
    equal((await ask(page, "/v1/goals", { text: "Analyze sales", data: [TABLE], goal_id: "talked-of" })).status, 200, "a goal");
    await page.locator(".seq .say").nth(3).waitFor();
    await page.locator(".seq .say", { hasText: "✓" }).first().waitFor();
    await page.locator(".seq .say", { hasText: "✓" }).first().press("Enter");
    await page.getByText("verified by its receiver").waitFor();
    // It goes on being drawn: what is said later comes after what is there.
    const drawn = await page.locator(".seq .say").count();
    equal((await ask(page, "/v1/goals", { text: "Analyze sales", data: [TABLE], goal_id: "talked-of-again" })).status, 200, "another goal");
    await until("more messages", async () => (await page.locator(".seq .say").count()) > drawn);
    await reads(page, "a sequence diagram");
    if (OUT) await page.screenshot({ path: `${OUT}/sequence-usual-light.png` });
    await page.locator(".picks a").first().click();
    await page.getByText("All, live").first().waitFor();
  },
  "a killed agent is seen coming back": async () => {
    await view(page, "#/tree?q=macro.executor");
    const row = rowOf("macro.executor.001");
    await row.click();
    await page.locator("#sheet").getByRole("button", { name: "Kill" }).click();
    const box = page.getByRole("dialog");
    await reads(page, "the question before a kill");
    await box.getByRole("button", { name: "Kill" }).click();
    await until("the second incarnation", async () => /Incarnation\s*2/.test(await page.locator("#sheet").innerText()));
    await until("its running", async () => (await rowOf("macro.executor.001").innerText()).includes("running"));
    await until("its restart is counted", async () => (await row.innerText()).includes("1 restart"));
    await page.locator("#sheet").getByText("killed").first().waitFor();
  },
  "the audit is followed by the page itself, and taken along": async () => {
    await view(page, "#/audit");
    await page.getByText(/^This page followed all \d+ links itself/).waitFor();
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Take it along (JSON)" }).press("Enter")]);
    holds(/^aios-audit-.*\.json$/.test(file.suggestedFilename()), file.suggestedFilename());
    await view(page, `#/tree?q=macro.executor&of=${encodeURIComponent("node/macro/macro.executor.001@local")}`);
  },
  "the address says what is seen, and another browser sees the same": async () => {
    const address = page.url();
    const other = await page.context().newPage();
    await other.goto(address);
    await other.locator("#sheet").getByText("macro.executor.001").first().waitFor();
    equal(await other.getByRole("searchbox").inputValue(), "macro.executor", "the search");
    await other.close();
  },
  "the keyboard reaches everything": async () => {
    await view(page, "#/tree");
    await page.reload();
    await page.locator(".row1").first().waitFor();
    await page.keyboard.press("Tab");
    equal(await page.evaluate(() => document.activeElement.textContent), "To the content", "the first stop");
    await page.locator(".grid").focus();
    for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp"]) await page.keyboard.press(key);
    await page.locator(".row1[aria-selected=true]").waitFor();
    holds((await page.getAttribute(".grid", "aria-activedescendant")).startsWith("row-"), "the line is named");
    const lines = async () => Number(await page.getAttribute(".grid", "aria-rowcount"));
    const before = await lines();
    await page.keyboard.press("ArrowLeft");
    await until("it is folded", async () => (await lines()) < before);
    await page.keyboard.press("Enter");
    equal(await page.evaluate(() => document.activeElement.id), "sheet", "the line closely");
    await page.keyboard.press("Escape");
    await page.locator("#sheet").waitFor({ state: "detached" });
  },
  "the model of an engine that loads none is not offered to be changed": async () => {
    await view(page, "#/engines");
    await page.getByRole("heading", { name: "Engines" }).waitFor();
    const { body } = await ask(page, "/v1/engines");
    equal(body[0].loads, undefined, "the scripted engine has no weights");
    equal(await page.getByText("Change the model of").count(), 0, "what could only be refused");
  },
  "every view can be read by everybody, at every size, light and dark": async () => {
    for (const [size, scheme] of [["usual", "light"], ["usual", "dark"], ["small", "light"], ["wall", "dark"]]) {
      const seen = await visitor(browser, null, { size, scheme });
      await seen.context.addCookies(await page.context().cookies());
      await seen.page.goto(NODE);
      for (const [name, [hash, words]] of Object.entries(views())) {
        // On a wall more is seen of the same; whether that fits is looked at where there is most.
        if (size === "wall" && !["agent", "plan", "conversations"].includes(name)) continue;
        await view(seen.page, hash);
        await seen.page.locator("main").getByText(words).first().waitFor();
        await until(`${name} has asked the node`, async () => (await seen.page.getByText("Asking the node …").count()) === 0);
        if (OUT) await seen.page.screenshot({ path: `${OUT}/${name}-${size}-${scheme}.png` });
        // Colours differ by scheme and order by size; whoever reads both has read all.
        await reads(seen.page, `${name}, ${size}, ${scheme}`);
      }
      equal(seen.wrong.join("\n"), "", `${size}, ${scheme}`);
      await seen.context.close();
    }
  },
  "whoever may only look has nothing to press, and is refused": async () => {
    holds(READ_ONLY, "the node gave a link for looking");
    const seen = await visitor(browser, READ_ONLY);
    await seen.page.locator(".row1").first().waitFor();
    for (const [name, [hash, words]] of Object.entries(views())) {
      if (["submit", "spawn"].includes(name)) continue;
      await view(seen.page, hash);
      await seen.page.locator("main").getByText(words).first().waitFor();
      for (const word of ["Kill", "Stop", "Suspend", "Spawn it", "+ Spawn an agent", "+ New goal", "Ask", "Ask it something", "Allow it", "Send again", "Cancel", "Call it off", "Fork from here", "Try it again", "Go on with it", "Swap …", "Swap", "Free", "Load", "Give …"]) {
        equal(await seen.page.getByRole("button", { name: word, exact: true }).or(seen.page.getByRole("link", { name: word, exact: true })).count(), 0, `${name}: ${word}`);
      }
    }
    await view(seen.page, views().charter[0]);
    await seen.page.getByText("Charter “clerk”").waitFor();
    equal(await seen.page.getByRole("button", { name: /^(✕ Take|↶ Give back)/ }).count(), 0, "tools of an agent");
    equal((await ask(seen.page, `/v1/agents/${clerk}/revoke`, { tool: "calc" })).status, 403, "a tool taken");
    equal((await ask(seen.page, `/v1/agents/${clerk}/kill`, {})).status, 403, "a kill");
    await seen.context.close();
  },
  "ten thousand agents are a list of which the part in sight is drawn": async () => {
    const seen = await visitor(browser, null);
    await seen.context.addCookies(await page.context().cookies());
    const line = (n) => ({ path: `node/crowd/macro.clerk.${n}@local`, id: `macro.clerk.${n}@local`, level: 2, state: "running", restart: "permanent", incarnation: 1, since_ms: n, restarts: 0, mailbox: { queued: n % 64, capacity: 64 } });
    let most = 0;
    await seen.page.route(/\/v1\/tree\?/, (route) => {
      const query = new URL(route.request().url()).searchParams;
      const skip = Number(query.get("skip") ?? 0);
      const asked = Number(query.get("most") ?? 500);
      most = Math.max(most, asked);
      const lines = Array.from({ length: Math.max(0, Math.min(asked, 10_000 - skip)) }, (_, at) => line(skip + at));
      return route.fulfill({ json: { at: new Date().toISOString(), total: 10_000, lines, sleepers: { asleep: 1_000_000, awake: 3, woken: 7, slept: 4 } } });
    });
    await seen.page.goto(`${NODE}/#/tree`);
    await seen.page.locator(".row1").first().waitFor();
    await seen.page.getByText(/^☾ 1.0 M agents asleep/).waitFor();
    const slowest = await seen.page.evaluate(async () => {
      const box = document.querySelector(".grid");
      let before = performance.now();
      const frames = [];
      for (let at = 0; at < 60; at += 1) {
        box.scrollTop = (box.scrollHeight * at) / 60;
        await new Promise(requestAnimationFrame);
        const now = performance.now();
        frames.push(now - before);
        before = now;
      }
      return frames.sort((a, b) => a - b)[Math.floor(frames.length * 0.95)];
    });
    await until("the end", async () => { await seen.page.locator(".grid").evaluate((box) => { box.scrollTop = box.scrollHeight; }); return (await seen.page.locator(".grid").innerText()).includes("macro.clerk.9999"); });
    const drawn = await seen.page.locator(".row1").count();
    console.log(`   ${drawn} rows drawn, 95 % of frames within ${slowest.toFixed(1)} ms, pages of ${most}`);
    holds(drawn < 120, `${drawn} rows are drawn`);
    holds(slowest < 250, `a frame took ${slowest} ms`);
    equal(seen.wrong.join("\n"), "", "what went wrong");
    await seen.context.close();
  },
  "nothing much passes while nothing happens": async () => {
    const seen = await visitor(browser, null);
    await seen.context.addCookies(await page.context().cookies());
    await seen.page.goto(`${NODE}/#/tree`);
    await seen.page.locator(".row1").first().waitFor();
    await seen.page.waitForTimeout(1500);
    const wire = await seen.context.newCDPSession(seen.page);
    await wire.send("Network.enable");
    let bytes = 0;
    wire.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
    wire.on("Network.dataReceived", (event) => { if (event.encodedDataLength) bytes += 0; });
    await seen.page.waitForTimeout(10_000);
    console.log(`   ${(bytes / 10).toFixed(0)} bytes a second`);
    holds(bytes / 10 < IDLE, `${bytes / 10} bytes a second`);
    await seen.context.close();
  },
  "nothing went wrong meanwhile": async () => equal(wrong.join("\n"), "", "what the browser complained of"),
});
await browser.close();
process.exitCode = failed ? 1 : 0;
