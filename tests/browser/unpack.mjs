// Unpacks the browser of @sparticuz/chromium, and the libraries it needs beside glibc, into ./chromium. The package
// itself would use a guessable name in the shared temporary folder, and take whatever lies there for its own.
import { existsSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";

const target = join(import.meta.dirname, "chromium");
const folder = await mkdtemp(`${target}-`);
try {
  process.env.TMPDIR = folder;
  // Only so that it unpacks its libraries (NSS) too.
  process.env.AWS_EXECUTION_ENV = "AWS_Lambda_nodejs24.x";
  const { default: chromium } = await import("@sparticuz/chromium");
  const unpacked = await chromium.executablePath();
  if (unpacked !== join(folder, "chromium")) throw new Error(`unexpectedly unpacked to ${unpacked}`);
  if (existsSync(target)) await rm(target, { recursive: true });
  await rename(folder, target);
} finally {
  await rm(folder, { recursive: true, force: true });
}
