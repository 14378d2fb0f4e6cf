// Signs in with a new passkey in a real browser, as a page does: asks the service for options, gives what the browser
// makes of them back, and reads who it is. Takes the page's address; writes one line of JSON. Chromium's virtual
// authenticator stands for the fingerprint.
import { join } from "node:path";
import { chromium } from "playwright-core";

const unpacked = join(import.meta.dirname, "chromium");
const address = process.argv[2];

const browser = await chromium.launch({
  executablePath: join(unpacked, "chromium"),
  // It opens our page alone. Its sandbox needs privileges that a container may not have.
  args: ["--no-sandbox", "--host-resolver-rules=MAP localhost 127.0.0.1"],
  env: { ...process.env, LD_LIBRARY_PATH: join(unpacked, "al2023", "lib") },
});
try {
  const page = await browser.newPage();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  await page.goto(address);
  process.stdout.write(`${JSON.stringify(await page.evaluate(registerAndSignIn))}\n`);
} finally {
  await browser.close();
}

// Runs in the page.
async function registerAndSignIn() {
  const post = async (path, body) => {
    const answer = await fetch(`/v1/signin/passkeys${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const creation = (await post("/registration-options")).public_key;
  const made = await navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(creation),
  });
  const registered = await post("/registrations", made.toJSON());

  const request = (await post("/options")).public_key;
  const used = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(request) });
  const signedIn = await post("", used.toJSON());

  const sessions = await (await fetch("/v1/sessions")).json();
  const cookieSeen = document.cookie;
  const out = await fetch("/v1/sessions/current", { method: "DELETE" });
  const after = await fetch("/v1/sessions");
  return { registered, signedIn, sessions, cookieSeen, signOut: out.status, after: after.status };
}
