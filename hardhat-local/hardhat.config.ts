import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "hardhat/config";
import type { HardhatPlugin } from "hardhat/types/plugins";

// Read here and by Python, so that what is tested is what is deployed.
const compiler = JSON.parse(readFileSync(join(import.meta.dirname, "compiler.json"), "utf8"));
const deployed = {
  version: compiler.version,
  settings: compiler.settings,
  // From npm, so nothing is downloaded at compile time. Hardhat wants an absolute path.
  path: join(import.meta.dirname, "node_modules", "solc", "soljson.js"),
};

// Test code is never deployed, and takes minutes to optimize. Tests deploy the contracts from their artifacts
// (contracts/test/Deployment.sol), so these settings do not reach what is tested.
const unoptimized = {
  ...deployed,
  settings: { ...compiler.settings, viaIR: false, optimizer: { enabled: false } },
};
// Needs the optimizer.
const passkeyVerifier = "@openzeppelin/contracts/utils/cryptography/verifiers/ERC7913P256Verifier.sol";
// What decides who may record a successor; from npm as it is.
const accessManager = "@openzeppelin/contracts/access/manager/AccessManager.sol";
const testFiles = readdirSync(join(import.meta.dirname, "contracts", "test"))
  .filter((name) => name.endsWith(".sol"))
  .map((name) => `contracts/test/${name}`);

// Hardhat compiles files in one go only where they share one configuration object, yet makes one for each override.
const oneCompilationOfTests: HardhatPlugin = {
  id: "one-compilation-of-tests",
  hookHandlers: {
    config: async () => ({
      default: async () => ({
        resolveUserConfig: async (userConfig, resolveVariable, next) => {
          const config = await next(userConfig, resolveVariable);
          const { overrides } = config.solidity.profiles.default;
          for (const file of testFiles) overrides[file] = overrides[testFiles[0]];
          return config;
        },
      }),
    }),
  },
};

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
  plugins: [oneCompilationOfTests],
  solidity: {
    profiles: {
      default: {
        compilers: [deployed],
        overrides: Object.fromEntries(testFiles.map((file) => [file, unoptimized])),
      },
      // For mutants only, where speed counts: `hardhat --build-profile mutation test solidity`.
      mutation: { compilers: [unoptimized], overrides: { [passkeyVerifier]: deployed } },
    },
    npmFilesToBuild: [passkeyVerifier, accessManager],
    // So that a run of one test file builds the contracts too, and never deploys stale ones.
    splitTestsCompilation: true,
  },
  // `contracts` is a symbolic link to ../contracts: Hardhat refuses sources outside its project.
  paths: { sources: "./contracts", tests: { solidity: "./contracts/test" } },
  networks: { default: chain, node: chain },
  test: {
    solidity: {
      // A fixed seed, so that what passed once passes again. ASSENT_FUZZ_RUNS is for mutants, of which there are many.
      fuzz: { runs: Number(process.env.ASSENT_FUZZ_RUNS ?? 10_000), seed: "0xa55e47" },
      invariant: { runs: 24, depth: 96, failOnRevert: false },
    },
  },
});
