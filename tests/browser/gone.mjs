// A node that goes away and comes back: the page says so, shows what it knew, and goes on by itself or says how to come in again.
import { NODE, carry, launch, until, visitor } from "./house.mjs";

/** Tells whoever started this what is to be done with the node, and waits until it is. */
function have(done) {
  return new Promise((resolve) => {
    process.stdin.once("data", () => { process.stdin.pause(); resolve(); });
    process.stdin.resume();
    console.log(`please ${done}`);
  });
}

const browser = await launch();
const { page } = await visitor(browser, process.env.AIOS_LINK);
const failed = await carry({
  "a node that is gone is said to be, and what was known stays": async () => {
    await page.locator(".row1").first().waitFor();
    await have("kill");
    await page.getByRole("alert").filter({ hasText: "does not answer" }).waitFor();
    await page.locator(".row1").first().waitFor();
  },
  "a node that is back asks for its link once more": async () => {
    await have("start");
    await page.getByRole("heading", { name: "This page opens by its link" }).waitFor();
    await until("the way back", async () => { await page.goto(`${NODE}/?token=${process.env.AIOS_TOKEN}`); return (await page.locator(".row1").count()) > 0; });
  },
});
await browser.close();
process.exitCode = failed ? 1 : 0;
process.stdin.destroy();
