// A passkey in a real browser, with Chromium's virtual authenticator for the fingerprint. Writes a line of JSON with the
// public key (SubjectPublicKeyInfo), then answers each line read, a challenge in hex, with one that holds the assertion.
// Ends when its input does. All bytes are hex.
import { createServer } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const unpacked = join(import.meta.dirname, "chromium");

// WebAuthn wants a secure context, which localhost is; the page is empty.
const server = createServer((_, response) => {
  response.setHeader("content-type", "text/html");
  response.end("<!doctype html><title>A patient's app</title>");
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

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
  await page.goto(`http://localhost:${server.address().port}/`);
  answer(await page.evaluate(createPasskey));
  for await (const challenge of createInterface({ input: process.stdin })) {
    answer(await page.evaluate(assertWithPasskey, challenge));
  }
} finally {
  await browser.close();
  server.close();
}

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

// The functions below run in the page.

async function createPasskey() {
  const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const credential = await navigator.credentials.create({
    publicKey: {
      challenge: crypto.getRandomValues(new Uint8Array(32)),
      rp: { name: "A patient's app" },
      user: { id: crypto.getRandomValues(new Uint8Array(16)), name: "study", displayName: "study" },
      pubKeyCredParams: [{ type: "public-key", alg: -7 }],
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
    },
  });
  return { publicKey: hex(credential.response.getPublicKey()) };
}

async function assertWithPasskey(challenge) {
  const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const bytes = Uint8Array.from(challenge.match(/../g), (pair) => Number.parseInt(pair, 16));
  const { response } = await navigator.credentials.get({
    publicKey: { challenge: bytes, userVerification: "required" },
  });
  return {
    authenticatorData: hex(response.authenticatorData),
    clientDataJSON: hex(response.clientDataJSON),
    signature: hex(response.signature),
  };
}
