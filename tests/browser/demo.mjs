// The six acts, each by its button.
import { writeFileSync } from "node:fs";
import { OUT, SOON, carry, equal, film, holds, launch, reads, view, visitor } from "./house.mjs";

const ACT_MS = 120_000;
/** Pictures of the first act, at most. */
const FRAMES = 9;
const browser = await launch();
const { page, wrong } = await visitor(browser, process.env.AIOS_LINK);
page.setDefaultTimeout(SOON);
const card = (act) => page.getByRole("article").nth(act - 1);

async function plays(act, ...words) {
  await card(act).getByRole("button", { name: /^(Play it|Again)/ }).click();
  for (const word of words) await card(act).getByText(word).first().waitFor({ timeout: ACT_MS });
  await card(act).getByText("it holds").waitFor({ timeout: ACT_MS });
}

/** Pictures of an act as it is played, those alone that differ from the one before. */
function filmed() {
  const pictures = [];
  const times = [];
  return {
    async shoot(ms) {
      if (!OUT || pictures.length >= FRAMES) return;
      const picture = await page.screenshot({ clip: { x: 250, y: 84, width: 780, height: 560 } });
      if (pictures.at(-1)?.equals(picture)) return;
      pictures.push(picture);
      times.push(ms);
    },
    keep() {
      if (!OUT) return;
      const moving = film(pictures, times);
      console.log(`   ${pictures.length} pictures, ${moving.length} bytes`);
      writeFileSync(`${OUT}/first-act.png`, moving);
    },
  };
}

const failed = await carry({
  "the acts are announced": async () => {
    await page.locator(".acts article").nth(5).waitFor();
    equal(await page.locator(".acts article").count(), 6, "the acts");
    await reads(page, "the demo");
  },
  "1: a killed executor loses nothing": async () => {
    const film = filmed();
    await film.shoot(1200);
    const played = plays(1, "is killed while it books the train", "effect of train: 1", "effect of lunch: 1");
    let over = false;
    played.catch(() => {}).finally(() => { over = true; });
    while (!over) { await film.shoot(700); await new Promise((later) => setTimeout(later, 250)); }
    await played;
    await film.shoot(2500);
    film.keep();
  },
  "a restart is seen with what became of the message in hand": async () => {
    await view(page, "#/tree");
    await page.getByText(/In its hands: request of macro\.planner\S*, handed to the next incarnation/).first().waitFor();
    await view(page, "#/demo");
    await card(6).waitFor();
  },
  "2: a node killed with -9 finishes, and every effect happened once": () => plays(2, /^kill -9 \d+$/, "goes on from the journal", "effect of train: 1", "effect of lunch: 1"),
  "3: a flipped byte is refused with the reason": () => plays(3, "bad-signature"),
  "4: a wrong number is named and blocked": () => plays(4, /23.85 follows from nothing|follows from nothing/, "The total is 22.85."),
  "5: a goal that waits says why, and goes on at the decision": async () => {
    await card(5).getByRole("button", { name: /^(Play it|Again)/ }).click();
    await card(5).getByText("it waits for a person").first().waitFor({ timeout: ACT_MS });
    await card(5).getByRole("button", { name: "Allow it" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Allow it" }).click();
    await card(5).getByText("it holds").waitFor({ timeout: ACT_MS });
  },
  "6: one of a million is woken": () => plays(6, "are asleep", "999999 sleep on"),
  "a zone of micro agents is one line with its figures, and a look inside": async () => {
    await view(page, "#/tree");
    const swarm = page.locator("section", { has: page.getByRole("heading", { name: /^Swarm/ }) });
    await swarm.locator("tr", { hasText: "page" }).getByText("1.0 M").first().waitFor();
    await swarm.getByRole("button", { name: "Look inside page" }).press("Enter");
    await swarm.getByText(/agents looked at/).waitFor({ timeout: ACT_MS });
    await reads(page, "a look inside a zone");
    await view(page, "#/demo");
    await card(6).waitFor();
  },
  "they can be read by everybody": async () => {
    if (OUT) await page.screenshot({ path: `${OUT}/demo-usual-light.png`, fullPage: true });
    await reads(page, "the demo after its acts");
    holds(wrong.filter((one) => !one.includes("Failed to load resource")).length === 0, wrong.join("\n"));
  },
});
await browser.close();
process.exitCode = failed ? 1 : 0;
