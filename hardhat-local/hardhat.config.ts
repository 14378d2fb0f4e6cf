import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "hardhat/config";

// Read here and by Python, so that what is tested is what is deployed.
const compiler = JSON.parse(readFileSync(join(import.meta.dirname, "compiler.json"), "utf8"));

const chain = {
  type: "edr-simulated",
  chainType: "l1",
  chainId: 31337,
  hardfork: "osaka",
  // Otherwise each block is at least a second after the last, and a burst of transactions runs ahead of wall time.
  allowBlocksWithSameTimestamp: true,
  mining: { auto: true, interval: 0 },
  accounts: { count: 40 },
} as const;

export default defineConfig({
  solidity: {
    version: compiler.version,
    settings: compiler.settings,
    // From npm, so nothing is downloaded at compile time. Hardhat wants an absolute path.
    path: join(import.meta.dirname, "node_modules", "solc", "soljson.js"),
  },
  // `contracts` is a symbolic link to ../contracts: Hardhat refuses sources outside its project.
  paths: { sources: "./contracts", tests: { solidity: "./contracts/test" } },
  networks: { default: chain, node: chain },
  test: {
    solidity: {
      fuzz: { runs: 64 },
      invariant: { runs: 16, depth: 64, failOnRevert: false },
    },
  },
});
