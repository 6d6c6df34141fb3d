// Drives the dashboard in a real browser: what is shown, killing, resuming with a token, reloading a strategy.
// Started by run.sh. Arguments: address, folder of the host, token, folder for screenshots (or nothing).
import { createRequire } from "node:module";
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const [address, folder, token, shots] = process.argv.slice(2);
const { chromium } = createRequire(process.env.NODE_HOME + "/")("playwright-core");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const wrong = [];
const elsewhere = [];
const watch = (page) => {
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("console", (line) => { if (line.type() === "error" && !line.text().includes("40")) wrong.push(line.text()); });
  page.on("request", (request) => { if (!request.url().startsWith(address + "/")) elsewhere.push(request.url()); });
};
const text = (page, id) => page.locator("#" + id).innerText();
const becomes = (page, id, wanted) => page.waitForFunction(([id, wanted]) => document.getElementById(id).innerText.includes(wanted), [id, wanted]);

const page = await browser.newPage({ viewport: { width: 1280, height: 1400 } });
watch(page);

// Without a token it shows nothing and asks for one; a wrong one is refused.
await page.goto(address);
await page.waitForSelector("#ask[open]");
assert.equal(await text(page, "mode"), "…");
await page.fill("#ask-token", "bea_wrong");
await page.click("#ask-yes");
await becomes(page, "ask-error", "this token is none");
await page.fill("#ask-token", token);
await page.click("#ask-yes");
await becomes(page, "link", "live");
assert.equal(await text(page, "mode"), "DRY_RUN");
assert.equal(await text(page, "trading"), "ACTIVE");
await page.waitForSelector("#intents tbody tr");
await page.waitForSelector("#limits li");
const stored = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie]));
assert.ok(!stored.includes(token.slice(4)), "the token is kept nowhere");

// A saved script: its version changes on the page, which is not loaded again.
const version = () => page.locator("#strategies tbody tr", { hasText: "fav" }).locator("code").innerText();
const before = await version();
const file = `${folder}/strategies/fav.rhai`;
writeFileSync(file, readFileSync(file, "utf8") + "// saved again\n");
await page.waitForFunction((before) => {
  const row = [...document.querySelectorAll("#strategies tbody tr")].find((row) => row.innerText.includes("fav"));
  return row && row.querySelector("code").innerText !== before;
}, before);

// A broken one: the version that runs goes on, and the page says what is wrong.
const good = readFileSync(file, "utf8");
const now = await version();
writeFileSync(file, "fn on_odds(market, ctx) {\n    let x = ;\n}\n");
await page.click("#reload");
await becomes(page, "strategies", "fav.rhai:2:13");
assert.equal(await version(), now);
await becomes(page, "alerts", "STRATEGY_REFUSED");
writeFileSync(file, good);
await page.waitForFunction(() => !document.getElementById("strategies").innerText.includes("fav.rhai:2:13"));

// Kill: asked once more, with a reason; the host obeys, and the page shows it.
await page.click("#kill");
await page.click("#ask-yes");
await becomes(page, "ask-error", "give a reason");
await page.fill("#ask-reason", "a drill <b>bold</b>");
await page.click("#ask-yes");
await becomes(page, "trading", "HALTED");
await becomes(page, "banner", "a drill <b>bold</b> (by HTTP (alice, request ");
assert.equal(await page.locator("#banner b").count(), 0, "words of others are no markup");
assert.ok(existsSync(`${folder}/data/KILL`));
await becomes(page, "refusals", "KILL_SWITCH_ON");
if (shots) await page.screenshot({ path: `${shots}/halted.png` });

// Resume: the token is known by now.
await page.click("#resume");
await page.fill("#ask-reason", "drill over");
await page.click("#ask-yes");
await becomes(page, "trading", "ACTIVE");
assert.ok(!existsSync(`${folder}/data/KILL`));

// On a phone nothing is wider than the screen.
const phone = await browser.newPage({ viewport: { width: 390, height: 844 } });
watch(phone);
await phone.goto(address);
await phone.fill("#ask-token", token);
await phone.click("#ask-yes");
await becomes(phone, "link", "live");
const overflow = await phone.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
assert.equal(overflow, 0, "the page is wider than a phone");

assert.deepEqual(elsewhere, [], "asked others");
assert.deepEqual(wrong, [], "errors in the page");
await browser.close();
console.log("the dashboard does what it should");
