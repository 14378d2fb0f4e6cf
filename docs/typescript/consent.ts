import { readFileSync } from 'node:fs'
import { toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { createSiweMessage } from 'viem/siwe'
import { checkReceipt, openReceipt, receiptKey } from './receipt.ts'

const { ASSENT_API: api, ASSENT_RPC: rpc, PATIENT_KEY: key } = process.env as any
const patient = privateKeyToAccount(key) // an address for this study alone
const read = (name: string) => JSON.parse(readFileSync(name, 'utf8'))
const [enrolment, deployment] = [read('enrolment.json'), read('deployment.json')] // from the hospital
const headers: any = { 'content-type': 'application/json', origin: api }
async function call(method: string, path: string, body?: unknown): Promise<any> {
  const answer = await fetch(api + path, { method, headers, body: body && JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`)
  headers.cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? headers.cookie
  return answer.json()
}
async function wait(path: string, done: (found: any) => boolean): Promise<any> {
  const found = await call('GET', path)
  return done(found) ? found : new Promise((go) => setTimeout(go, 500)).then(() => wait(path, done))
}
const sign = async (draft: any) => ({ signer: patient.address.toLowerCase(), signature: await patient.signTypedData(draft.typed_data) })

// 1. What a grant says; signed here, carried to the chain by the service, which pays.
const draft = await call('POST', '/v1/consents/drafts', { enrolment, purposes: ['training'], days: 365, language: 'en' })
for (const { subject, says } of draft.summary) console.log(`${subject}: ${says}`)
const { id } = await call('POST', '/v1/acts', { ...draft.act, ...(await sign(draft)) })
const act = await wait(`/v1/acts/${id}`, ({ state }) => ['confirmed', 'failed'].includes(state))
console.log(act.state, act.reason?.detail ?? `in block ${act.block.number}, token ${act.token_id}`)
// 2. Sign in, and name the key to which the hospital encrypts receipts.
const { nonce, domain, uri, chain_id: chainId } = await call('POST', '/v1/signin/nonce')
const message = createSiweMessage({ address: patient.address, chainId, domain, nonce, uri, version: '1' })
await call('POST', '/v1/signin/ethereum', { message, signature: await patient.signMessage({ message }) })
const { x25519, privateKey } = await receiptKey()
const naming = await call('POST', '/v1/me/receipt-key/drafts', { x25519: toHex(x25519) })
await call('PUT', '/v1/me/receipt-key', { typed_data: naming.typed_data, ...(await sign(naming)) })
// 3. Once a round is sealed: open the receipt, and compare it with what the hospital committed to on the chain.
const [sealed] = await wait(`/v1/consents/${act.token_id}/receipts`, (found) => found.length > 0)
console.log(await checkReceipt(await openReceipt(sealed, privateKey, draft.typed_data.domain), act.token_id, deployment, rpc))
