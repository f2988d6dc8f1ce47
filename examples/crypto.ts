// Two people agree on a secret over an open line, and send a signed note that only the other can read.
import {
  decapsulate,
  encapsulate,
  field,
  generateAgreementKey,
  generateSigner,
  opener,
  record,
  sealer,
  verifySignature,
} from '@hypermesh/crypto'

const note = record('example/note', 1, 4096, {
  text: field.text({ max: 1024 }),
  signature: field.bytes({ max: 3500 }),
})

// Bob publishes a key for agreements, Ada a key for signatures. Both are classical and post-quantum at once.
const bob = generateAgreementKey('x25519+ml-kem-1024')
const ada = await generateSigner('ed25519+ml-dsa-65')

// Ada makes a secret only Bob can have, signs, and seals.
const agreed = encapsulate('x25519+ml-kem-1024', bob.publicKey)
if (!agreed) throw new Error('that is no key')
const text = 'the blue machine is free'
const signature = await ada.sign(new TextEncoder().encode(text))
const sealed = sealer(agreed.secret, { context: 'ada to bob' }).seal(
  note.encode({ text, signature }),
)

// Bob has the same secret from Ada's message, opens the note, and checks who wrote it.
const secret = decapsulate(bob, agreed.message)
const opened = secret && opener(secret, { context: 'ada to bob' }).open(sealed)
const read = opened && note.decode(opened)
if (!read?.ok) throw new Error('that is no note for Bob')
const written = new TextEncoder().encode(read.value.text)
const genuine = await verifySignature(ada.scheme, ada.publicKey, written, read.value.signature)
console.log(`${read.value.text} (${genuine ? 'from Ada' : 'forged'}, ${sealed.length} bytes)`)
