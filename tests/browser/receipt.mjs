// docs/receipt.html in a real browser without a network. Answers each line read, JSON with `receipt` and `root`, with one
// that holds the page's `verdict`, `words` and `title`, and what is `left` of them once something else is typed; a line
// with `file` chooses that file instead of typing. When its input ends
// it writes what the page asked of any network, and ends.
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const unpacked = join(import.meta.dirname, "chromium");
const address = pathToFileURL(join(import.meta.dirname, "../../docs/receipt.html")).href;
const asked = [];

const browser = await chromium.launch({
  executablePath: join(unpacked, "chromium"),
  // It opens our page alone. Its sandbox needs privileges that a container may not have.
  args: ["--no-sandbox"],
  env: { ...process.env, LD_LIBRARY_PATH: join(unpacked, "al2023", "lib") },
});
try {
  const context = await browser.newContext({ offline: true });
  const page = await context.newPage();
  page.on("request", (request) => asked.push(request.url()));
  page.on("pageerror", (error) => asked.push(`defect: ${error}`));
  await page.goto(address);
  for await (const line of createInterface({ input: process.stdin })) {
    const { receipt, root, file } = JSON.parse(line);
    await page.fill("#receipt", receipt ?? "");
    await page.fill("#root", root);
    if (file) {
      await page.setInputFiles("#file", file);
      await page.waitForFunction(
        () => document.getElementById("receipt").value !== "" || document.querySelector("#answer[data-verdict]"),
      );
    }
    if (!(await page.getAttribute("#answer", "data-verdict"))) await page.click("#check");
    await page.waitForSelector("#answer[data-verdict]");
    const verdict = await page.getAttribute("#answer", "data-verdict");
    const [words, title] = [await page.innerText("#answer > p"), await page.innerText("#answer > h2")];
    await page.fill("#root", `${root} `);
    write({ verdict, words, title, left: await page.innerText("#answer") });
  }
  write({ asked: asked.filter((url) => url !== address) });
} finally {
  await browser.close();
}

function write(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
