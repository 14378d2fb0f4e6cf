// Opens a receipt and checks it against the chain: copy it into your app. See docs/patient-app.md.
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import { type Hex, concat, createPublicClient, encodePacked, hexToBytes, http, numberToHex } from 'viem'
import { getAddress, parseAbi, sha256 } from 'viem'

// RFC 9180, mode base; WebCrypto of browsers and Node has all of it.
const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
})
const words = [
  '',
  'was counted in it',
  'was not in it: the consent was revoked',
  'was not in it: the consent had expired or was about to',
  'was not in it: the consent had not begun',
  'was not in it: not all that the study does was allowed',
  'was not in it: the consent was to earlier terms',
  'was not in it: it was sitting out rounds after a revocation',
]
const ledgerAbi = parseAbi([
  'struct Commitment { uint32 attempt; bytes32 cohortRoot; uint32 cohortSize; uint64 blockNumber; bytes32 blockHash; uint64 epoch; bytes32 vectorHash; bytes32 maskKey; bytes32 environmentHash; }',
  'function commitmentOf(uint64, uint32, address) view returns (Commitment)',
])

/** A fresh X25519 pair; keep the private key on the device. */
export async function receiptKey(): Promise<{ x25519: Uint8Array; privateKey: CryptoKey }> {
  const { publicKey, privateKey } = await suite.kem.generateKeyPair()
  return { x25519: new Uint8Array(await suite.kem.serializePublicKey(publicKey)), privateKey }
}

/** What a hospital encrypted to that key, for this token and round of this deployment alone. */
export async function openReceipt(
  { token_id, round, sealed }: { token_id: string; round: number; sealed: Hex },
  privateKey: CryptoKey,
  { chainId, verifyingContract }: { chainId: number; verifyingContract: Hex },
): Promise<any> {
  const bytes = hexToBytes(sealed)
  const bound = encodePacked(
    ['string', 'uint256', 'address', 'uint256', 'uint32'],
    ['assent/receipt/1', BigInt(chainId), verifyingContract, BigInt(token_id), round],
  )
  const recipient = { recipientKey: privateKey, enc: bytes.slice(0, 32), info: hexToBytes(bound) }
  return JSON.parse(new TextDecoder().decode(await suite.open(recipient, bytes.slice(32))))
}

/** In words what a receipt proves: what the hospital committed to, not what it computed with.
 *  The deployment comes from somebody trusted, never from the receipt. */
export async function checkReceipt(
  receipt: any,
  token_id: string,
  deployment: { chain_id: number; contracts: { RoundLedger: Hex } },
  rpc: string,
): Promise<string> {
  const ledger = deployment.contracts.RoundLedger
  const token = BigInt(token_id)
  const site = getAddress(numberToHex((token >> 32n) & ((1n << 160n) - 1n), { size: 20 }))
  const [study, index] = [token >> 192n, Number(token & 0xffffffffn)]
  const hex = (text: string) => `0x${text}` as Hex
  let node = sha256(
    encodePacked(
      ['bytes1', 'uint256', 'address', 'uint64', 'address', 'uint32', 'uint32', 'uint256', 'uint8', 'bytes32'],
      ['0x00', BigInt(deployment.chain_id), ledger, study, site, receipt.round, index, token, receipt.status, hex(receipt.salt)],
    ),
  )
  // RFC 6962, section 2.1: the left subtree is the largest power of two below the count.
  const sides: boolean[] = []
  for (let [first, last] = [0, receipt.count]; last - first > 1; ) {
    const middle = first + 2 ** (Math.ceil(Math.log2(last - first)) - 1)
    sides.push(index >= middle)
    if (index >= middle) first = middle
    else last = middle
  }
  if (index >= receipt.count || sides.length !== receipt.path.length) throw new Error('no such leaf')
  for (const [level, isRight] of sides.reverse().entries()) {
    const sibling = hex(receipt.path[level])
    node = sha256(concat(isRight ? ['0x01', sibling, node] : ['0x01', node, sibling]))
  }
  const root = sha256(concat(['0x02', numberToHex(receipt.count, { size: 4 }), node]))
  const chain = createPublicClient({ transport: http(rpc) })
  if ((await chain.getChainId()) !== deployment.chain_id) throw new Error('another chain')
  const committed = await chain.readContract({
    address: ledger,
    abi: ledgerAbi,
    functionName: 'commitmentOf',
    args: [study, receipt.round, site],
  })
  if (committed.cohortRoot !== root) throw new Error('the hospital has committed to another cohort')
  return `By what hospital ${site} committed to on the chain, your record ${words[receipt.status]} (round ${receipt.round}).`
}
