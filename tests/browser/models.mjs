// The model of a node's own engine, changed from the page: a real engine and real files, small ones.
import { OUT, ask, carry, equal, holds, launch, reads, until, view, visitor } from "./house.mjs";

const { AIOS_LINK: LINK, AIOS_MODELS: MODELS } = process.env;

const browser = await launch();
const { page, wrong } = await visitor(browser, LINK);
await page.locator(".row1").first().waitFor();

const change = page.locator("section", { hasText: "Change the model of local" });
const box = page.getByRole("dialog");
const writes = async () => (await ask(page, "/v1/engines")).body[0].writes ?? "";

/** Types a file and a name, and waits until it is asked whether that is meant. */
async function type(file, name = "") {
  await change.locator("input[name=model]").fill(`${MODELS}/${file}`);
  await change.locator("input[name=name]").fill(name);
  await change.locator("input[name=name]").press("Enter");
  await box.waitFor();
}

const failed = await carry({
  "what is not meant or is no model leaves everything as it is": async () => {
    await view(page, "#/engines");
    equal(await writes(), "tiny", "what it was built with");
    await change.getByRole("button", { name: "Swap …" }).press("Enter");
    await reads(page, "a model that is to be swapped");
    await type("other.gguf");
    await page.keyboard.press("Escape");
    await box.waitFor({ state: "detached" });
    equal(await writes(), "tiny", "nobody said that it is meant");
    for (const file of ["nothing.gguf", "torn.gguf", "../outside.gguf"]) {
      await type(file);
      await box.getByRole("button", { name: "Swap them" }).press("Enter");
      await page.locator(".toasts .bad").first().waitFor();
      await page.locator(".toasts .bad").first().waitFor({ state: "detached" });
      equal(await writes(), "tiny", file);
    }
  },
  "a model is swapped by the keyboard": async () => {
    await type("other.gguf");
    await box.getByRole("button", { name: "Swap them" }).press("Enter");
    await change.locator("strong", { hasText: "other" }).waitFor();
    equal(await writes(), "other", "the node says so");
    await page.getByText("other on").last().waitFor();
    if (OUT) await page.screenshot({ path: `${OUT}/model-swapped.png` });
    const { body } = await ask(page, "/v1/audit");
    holds(body.entries.some((entry) => entry.what.startsWith('swap model "tiny"') && entry.label === "done"), "it stands in the audit");
  },
  "it is freed, and another is loaded": async () => {
    await change.getByRole("button", { name: "Free" }).press("Enter");
    await box.getByRole("button", { name: "Free it" }).press("Enter");
    await change.getByText("It holds no model that writes").waitFor();
    equal(await writes(), "", "nothing writes");
    await reads(page, "an engine without a model");
    await type("first.gguf", "tiny");
    await box.getByRole("button", { name: "Load it" }).press("Enter");
    await change.locator("strong", { hasText: "tiny" }).waitFor();
    await until("the node says so", async () => (await writes()) === "tiny");
  },
  "nothing went wrong meanwhile but the one file that is no model": async () => {
    equal(wrong.filter((line) => line.includes("status of 500")).length, 1, "it was tried and failed");
    equal(wrong.filter((line) => !line.includes("status of 500")).join("\n"), "", "what the browser complained of");
  },
});
await browser.close();
process.exitCode = failed ? 1 : 0;
